"""Wherever dentiq starts a Redis of its own, that Redis keeps what it answered."""

from pathlib import Path

import pytest
import yaml

from infra.local.redis_server import redis_configuration

ROOT = Path(__file__).resolve().parents[2]


def _of_compose() -> str:
    command = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["redis"]["command"]
    return " ".join(str(word) or '""' for word in command).replace("--", "")


@pytest.mark.parametrize("line", ["appendonly yes", "appendfsync always", "maxmemory-policy noeviction", 'save ""'])
def test_every_redis_of_ours_flushes_each_write_and_drops_none(line: str) -> None:
    assert line in redis_configuration(port=7000, folder=Path("/data/redis")).splitlines()
    assert line in _of_compose()
