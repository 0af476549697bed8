"""A part does not start where Redis does not let it in, and waits where Redis is away."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from common.errors import ConfigurationError, JobStoreUnavailableError, RedisLoginError
from common.jobs.store import JobStore
from common.redis_client import connect
from common.redis_start import refuse_unusable_redis
from common.settings import Settings
from infra.local.redis_server import find_redis_server
from tests.fixtures.redis import RedisServer, free_port
from tests.tied import tied
from tests.waiting import wait_until

PASSWORD = "r1ght"
WRONG = "hunter2"


@pytest.fixture
def port(make_redis: Callable[[], RedisServer]) -> int:
    """Port of a Redis that asks for a password, and knows a user who may do next to nothing."""
    server = make_redis()
    with redis.Redis(port=server.port) as client:
        client.execute_command("ACL", "SETUSER", "guest", "on", f">{PASSWORD}", "~*", "+ping")
        client.config_set("requirepass", PASSWORD)
    return server.port


@pytest.fixture
def sentinel(port: int, tmp_path: Path) -> Iterator[int]:
    """Port of a sentinel of two Redis, `m`, which asks for a password, and `away`."""
    own = free_port()
    watched = [f"sentinel monitor m 127.0.0.1 {port} 1", f"sentinel monitor away 127.0.0.1 {free_port()} 1"]
    # It must call neither down while a test lasts.
    patient = [f"sentinel down-after-milliseconds {name} 600000" for name in ("m", "away")]
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text("\n".join(["bind 127.0.0.1", f"port {own}", *watched, *patient]), encoding="utf-8")
    with (tmp_path / "sentinel.log").open("ab") as log:
        process = subprocess.Popen(
            tied(find_redis_server(), configuration, "--sentinel"), stdout=log, stderr=log, cwd=tmp_path
        )
    wait_until(lambda: listens(own), 20, what="the sentinel")
    yield own
    process.kill()
    process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def settings(url: str, **more: str) -> Settings:
    return Settings.from_env({"DENTIQ_REDIS_URL": url, **more})


@pytest.mark.parametrize(
    ("login", "told"),
    [
        ("", "without a password: it asks for one. Set DENTIQ_REDIS_PASSWORD"),
        (f":{WRONG}@", "with a password: invalid username-password pair"),
        (f"joe:{WRONG}@", "as user 'joe' with a password: invalid username-password pair"),
        (
            f"guest:{PASSWORD}@",
            "as user 'guest' with a password: User guest has no permissions to run the 'info' command. Give this user",
        ),
    ],
    ids=["none", "wrong", "unknown user", "no rights"],
)
def test_a_login_that_is_refused_is_told_with_what_was_used_but_the_secret(port: int, login: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        refuse_unusable_redis(settings(f"redis://{login}127.0.0.1:{port}/0"))
    assert f"The Redis at 127.0.0.1:{port} does not let dentiq in, {told}" in refused.value.message
    assert WRONG not in refused.value.message
    assert PASSWORD not in refused.value.message


def test_the_job_store_is_asked_though_the_broker_is_away(port: int) -> None:
    apart = {"DENTIQ_JOB_STORE_URL": f"redis://:{WRONG}@127.0.0.1:{port}/1"}
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port} does not let dentiq in"):
        refuse_unusable_redis(settings(f"redis://127.0.0.1:{free_port()}/0", **apart))


def test_sentinels_that_refuse_are_told_apart_from_sentinels_that_are_away(port: int) -> None:
    away = f"sentinel://127.0.0.1:{free_port()}/0?master=m"
    assert isinstance(refuse_unusable_redis(settings(away)), JobStoreUnavailableError)
    # Whoever wants a password answers a sentinel's questions as a sentinel does that wants one.
    refusing = f"sentinel://127.0.0.1:{free_port()},127.0.0.1:{port}/0?master=m"
    with pytest.raises(ConfigurationError, match=r"sentinels .*, without .*DENTIQ_SENTINEL_PASSWORD"):
        refuse_unusable_redis(settings(refusing))
    with pytest.raises(ConfigurationError, match="with the sentinels' password") as refused:
        refuse_unusable_redis(settings(refusing, DENTIQ_SENTINEL_PASSWORD=WRONG))
    assert WRONG not in refused.value.message


def test_sentinels_that_withhold_a_command_are_told_apart_from_their_redis(sentinel: int) -> None:
    with redis.Redis(port=sentinel) as operator:
        operator.execute_command("ACL", "SETUSER", "default", "-sentinel")
    with pytest.raises(ConfigurationError, match=r"sentinels .*no permissions.*Give their default user"):
        refuse_unusable_redis(settings(f"sentinel://127.0.0.1:{sentinel}/0?master=m"))


def test_of_two_redis_behind_the_same_sentinels_both_are_asked(sentinel: int) -> None:
    url = f"127.0.0.1:{sentinel}/0?master="
    with pytest.raises(ConfigurationError, match=r"The Redis 'm' .* does not let dentiq in"):
        refuse_unusable_redis(
            settings(f"sentinel://{url}away", DENTIQ_JOB_STORE_URL=f"sentinel://:{WRONG}@{url}m"),
        )


def test_a_redis_that_is_away_or_lets_us_in_ends_no_start(port: int) -> None:
    fault = refuse_unusable_redis(Settings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0")))
    assert isinstance(fault, JobStoreUnavailableError)
    assert not isinstance(fault, RedisLoginError)
    assert refuse_unusable_redis(settings(f"redis://:{PASSWORD}@127.0.0.1:{port}/0")) is None


def test_a_silent_redis_costs_the_start_one_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        assert refuse_unusable_redis(settings(url, DENTIQ_REDIS_TIMEOUT_SECONDS="0.3")) is not None
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_password_that_changes_later_is_an_outage(port: int) -> None:
    with (
        connect(f"redis://:{PASSWORD}@127.0.0.1:{port}/1", timeout_seconds=2, max_connections=2) as client,
        redis.Redis(port=port, password=PASSWORD) as operator,
    ):
        store = JobStore(client)
        assert store.counts() == {}
        operator.config_set("requirepass", "another")
        operator.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(JobStoreUnavailableError, match="does not let this server in"):
            store.counts()
        operator.config_set("requirepass", PASSWORD)
        assert store.counts() == {}
