"""Clients that fall silent half-way: they are told, and hold no thread of the server for long."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from infra.client_sockets import SILENCE_SECONDS
from tests.fixtures.redis import RedisServer
from tests.web_server import IMPATIENT_SECONDS, WebServer, web_settings

THREADS = 2
HEAD = b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    settings = web_settings(redis_url=redis_server.url, folder=tmp_path_factory.mktemp("web"))
    server = WebServer(
        settings.model_copy(update={"web_processes": 1}),
        environment={"DENTIQ_WEB_THREADS": str(THREADS)},
        configuration="tests.impatient_gunicorn_conf",
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def web(server: WebServer, redis_url: str) -> WebServer:
    return server


@contextlib.contextmanager
def stalled(web: WebServer, *, sent: bytes) -> Iterator[socket.socket]:
    """Send the beginning of a request and nothing more."""
    with socket.create_connection(("127.0.0.1", web.settings.port), timeout=15) as connection:
        connection.sendall(sent)
        yield connection


def everything(connection: socket.socket) -> bytes:
    """Read an answer up to the end of the connection."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("body", [b"", bytes(1000)], ids=["before the body", "within the body"])
def test_a_sender_that_stalls_is_told_so(web: WebServer, body: bytes) -> None:
    with stalled(web, sent=HEAD % 500_000 + body) as connection:
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer


def test_a_sender_that_stalls_within_its_headers_is_cut_off(web: WebServer) -> None:
    with stalled(web, sent=b"POST /api/v1/jobs HTTP/1.1\r\nHost:") as connection:
        assert everything(connection) == b""


def test_stalled_uploads_do_not_stop_the_server(web: WebServer, make_image: Callable[..., bytes]) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(2 * THREADS):
            held.enter_context(stalled(web, sent=HEAD % 500_000))
        answer = httpx.post(
            f"{web.url}/api/v1/jobs", content=make_image(), headers={"Content-Type": "image/jpeg"}, timeout=20
        )
    assert answer.status_code == 202


def test_a_slow_sender_that_goes_on_is_heard_to_the_end(web: WebServer, make_image: Callable[..., bytes]) -> None:
    data = make_image(width=300, height=300)
    started = time.monotonic()
    pieces = 6
    size = -(-len(data) // pieces)

    def slowly() -> Iterator[bytes]:
        for number in range(pieces):
            # The sender's pace is what is tested.
            time.sleep(IMPATIENT_SECONDS / 3)
            yield data[number * size : (number + 1) * size]

    headers = {"Content-Type": "image/jpeg", "Content-Length": str(len(data))}
    answer = httpx.post(f"{web.url}/api/v1/jobs", content=slowly(), headers=headers, timeout=20)
    assert answer.status_code == 202
    assert time.monotonic() - started > IMPATIENT_SECONDS


def test_the_server_of_production_waits_for_half_a_minute() -> None:
    code = """
import socket, struct, types
from infra import gunicorn_conf
with socket.socket() as listener:
    gunicorn_conf.when_ready(types.SimpleNamespace(LISTENERS=[types.SimpleNamespace(sock=listener)]))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        print(struct.unpack("@ll", listener.getsockopt(socket.SOL_SOCKET, option, 16)))
"""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("DENTIQ_", "PROMETHEUS_"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=plain,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [f"({int(SILENCE_SECONDS)}, 0)"] * 2
