"""What is said about a platform that is not ready."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from common.errors import ConfigurationError
from common.settings import Settings
from infra.local.control import PartState
from infra.local.part import Listener, Part
from infra.local.readiness import ask_readyz, describe_absent, last_lines, redis_fault
from tests.fixtures.redis import RedisServer, free_port

Serve = Callable[[int, bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answer every request with one status and body."""
    servers: list[HTTPServer] = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/readyz" else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def state(name: str, word: str = "RUNNING", *, pid: int = 10) -> PartState:
    return PartState(name=name, state=word, pid=pid, uptime_seconds=5, description="exited too quickly")


def part(name: str, port: int | None = None) -> Part:
    listener = Listener("127.0.0.1", port, "PORT") if port else None
    return Part(name=name, command=("x",), stop_rank=1, stop_seconds=1, listener=listener)


def test_a_200_means_ready(serve: Serve) -> None:
    assert ask_readyz(serve(200, b"{}")) == (True, "")


def test_the_reason_of_the_server_is_passed_on(serve: Serve) -> None:
    body = json.dumps({"detail": "No worker holds a model."}).encode()
    assert ask_readyz(serve(503, body)) == (False, "No worker holds a model.")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}"])
def test_an_answer_without_a_reason_is_named_by_its_status(serve: Serve, body: bytes) -> None:
    assert ask_readyz(serve(502, body)) == (False, "/readyz answers 502")


def test_a_server_that_is_away_is_not_ready() -> None:
    assert ask_readyz(f"http://127.0.0.1:{free_port()}") == (False, "web does not answer yet")


def test_a_part_that_cannot_start_is_shown_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("first\n" + "noise\n" * 50 + "the model is missing\n")
    text = describe_absent([part("worker")], {"worker": state("worker", "BACKOFF", pid=0)}, log_dir=tmp_path)
    assert "worker is not up (backoff, exited too quickly)" in text
    assert text.endswith("the model is missing")
    assert "first" not in text


def test_a_part_that_runs_without_listening_is_not_up(tmp_path: Path) -> None:
    text = describe_absent([part("flower", free_port())], {"flower": state("flower")}, log_dir=tmp_path)
    assert "flower is not up" in text


def test_a_part_that_runs_and_listens_is_not_mentioned(tmp_path: Path, redis_server: RedisServer) -> None:
    parts = [part("redis", redis_server.port), part("beat")]
    assert describe_absent(parts, {"redis": state("redis"), "beat": state("beat")}, log_dir=tmp_path) == ""


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log") == []


def test_a_redis_of_others_that_does_not_answer_is_named_without_its_password() -> None:
    port = free_port()
    fault = redis_fault(Settings(redis_url=SecretStr(f"redis://:hunter2@127.0.0.1:{port}/0")))
    assert f"127.0.0.1:{port}" in fault
    assert "refused" in fault
    assert "hunter2" not in fault


def test_a_job_store_that_does_not_let_us_in_ends_the_start_though_the_broker_does(
    redis_url: str, make_redis: Callable[[], RedisServer]
) -> None:
    server = make_redis()
    with redis.Redis(port=server.port) as client:
        client.config_set("requirepass", "right")
    store_url = SecretStr(f"redis://:hunter2@127.0.0.1:{server.port}/1")
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{server.port} does not let dentiq in"):
        redis_fault(Settings(redis_url=SecretStr(redis_url), job_store_url=store_url))


def test_a_redis_of_others_that_answers_is_no_fault(redis_url: str) -> None:
    assert redis_fault(Settings(redis_url=SecretStr(redis_url))) == ""
