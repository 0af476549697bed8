"""A web server that refuses to start: one sentence, an exit status, and no second try where nobody answers."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from infra.web_processes import ready
from tests.fixtures.redis import RedisServer, free_port
from tests.tied import tied
from tests.waiting import wait_until
from tests.web_server import WebServer, web_settings


def refused(**variables: str) -> str:
    """Start gunicorn as in production, with two processes; give what it says until it ends by itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DENTIQ_", "PROMETHEUS_"))}
    ended = subprocess.run(
        tied(sys.executable, "-m", "gunicorn", "-c", "python:infra.gunicorn_conf"),
        env=environment | variables | {"PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode not in {0, -15}, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("dentiq web: ") == 1
    return ended.stderr.partition("dentiq web: ")[2].partition("\n")[0]


def test_a_password_that_redis_refuses_is_told_in_one_sentence(
    make_redis: Callable[[], RedisServer], tmp_path: Path
) -> None:
    server = make_redis()
    with redis.Redis(port=server.port) as client:
        client.config_set("requirepass", "right")
    told = refused(DENTIQ_REDIS_URL=server.url, DENTIQ_REDIS_PASSWORD="hunter2", DENTIQ_DATA_DIR=str(tmp_path))
    assert told.startswith(f"The Redis at 127.0.0.1:{server.port} does not let dentiq in, with a password: ")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"DENTIQ_LEASE_SECONDS": "abc"}, "DENTIQ_LEASE_SECONDS is 'abc': "),
        ({"DENTIQ_DATA_DIR": f"{os.devnull}/var"}, f"The data folder {os.devnull}/var cannot be used"),
    ],
)
def test_what_gunicorn_itself_refuses_is_told_in_one_sentence(setting: dict[str, str], sentence: str) -> None:
    assert refused(**setting).startswith(sentence)


def test_a_process_that_redis_refuses_later_ends_no_other_and_comes_back(
    make_redis: Callable[[], RedisServer], tmp_path: Path
) -> None:
    port = make_redis().port
    settings = web_settings(redis_url=f"redis://:right@127.0.0.1:{port}/0", folder=tmp_path)
    server = WebServer(settings.model_copy(update={"web_processes": 2}))
    with redis.Redis(port=port) as operator:
        operator.config_set("requirepass", "right")
        server.start()
        try:
            wait_until(lambda: len(ready(settings.data_dir)) == 2, 60, what="both processes")
            killed = min(before := ready(settings.data_dir))
            operator.config_set("requirepass", "another")
            os.kill(killed, signal.SIGKILL)
            log = settings.data_dir / "web.log"
            wait_until(lambda: "does not let dentiq in" in log.read_text(), 60, what="the refusal")
            wait_until(server.answers, 60, what="the other process")
            assert ready(settings.data_dir) == before - {killed}
            operator.config_set("requirepass", "right")
            wait_until(lambda: len(ready(settings.data_dir)) == 2, 60, what="the successor")
            assert before - {killed} < ready(settings.data_dir)
        finally:
            server.stop()
