"""Gunicorn's worker with our loop, in a thread: what it does with requests while every thread is busy."""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from selectors import DefaultSelector
from threading import Event, Thread
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from common.errors import UnavailableError
from infra.arrivals import MAX_HELD_BYTES, Arrival, Patience
from infra.patient_worker import PatientWorker
from tests.waiting import wait_until

THREADS = 4
ROOM = 8_000_000

Send = Callable[[bytes], socket.socket]


class BusyWorker(PatientWorker):
    """Let no thread begin before it is told to."""

    most_held_bytes = ROOM
    patience = Patience(head_seconds=60, silence_seconds=60, grace_seconds=1, slowest_rate=1e6)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.go_on = Event()

    def handle(self, conn: Any) -> Any:
        """As gunicorn does, later."""
        self.go_on.wait(30)
        return super().handle(conn)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Tell the length of the body, or that there was no place for it."""
    try:
        length = len(environ["wsgi.input"].read())
    except UnavailableError as error:
        start_response(f"{error.http_status} x", [("Content-Length", "0")])
        return []
    start_response("200 OK", [("Content-Length", str(len(str(length))))])
    return [str(length).encode()]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener


@pytest.fixture
def worker(listener: socket.socket) -> Iterator[BusyWorker]:
    configuration = Config()
    configuration.set("threads", THREADS)
    configuration.set("worker_connections", 100)
    configuration.set("graceful_timeout", 1)
    worker = BusyWorker(0, os.getppid(), [listener], None, 30, configuration, Logger(configuration))
    worker.wsgi = application
    worker.tpool = worker.get_thread_pool()
    worker.poller = DefaultSelector()
    worker.method_queue.init()
    loop = Thread(target=worker.run)
    loop.start()
    yield worker
    worker.go_on.set()
    worker.alive = False
    loop.join(20)
    worker.tmp.close()


@pytest.fixture
def send(listener: socket.socket) -> Iterator[Send]:
    with ExitStack() as opened:

        def send(sent: bytes) -> socket.socket:
            connection = opened.enter_context(socket.create_connection(listener.getsockname(), timeout=20))
            connection.sendall(sent)
            return connection

        yield send


def post(length: int, sent: int | None = None) -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + bytes(length if sent is None else sent)


def status(connection: socket.socket) -> int:
    return int(connection.recv(65536).split(b" ")[1])


def test_a_body_that_waits_for_a_thread_takes_room_until_it_is_read(worker: BusyWorker, send: Send) -> None:
    first = send(post(5_000_000))
    wait_until(lambda: worker.held_bytes > 5_000_000, 10, what="a body that is held")
    second = send(post(5_000_000))
    small = send(post(1000))
    worker.go_on.set()
    assert [status(connection) for connection in (first, second, small)] == [200, 503, 200]
    wait_until(lambda: worker.held_bytes == 0, 10, what="room for others")
    assert status(send(post(5_000_000))) == 200


def test_who_finds_no_place_to_stream_is_told_that_there_is_none(worker: BusyWorker, send: Send) -> None:
    """It did nothing wrong: that is no 408."""
    long = MAX_HELD_BYTES + 1
    send(post(long, 1000))
    wait_until(lambda: worker.streaming == 1, 10, what="the only place taken")
    waiting = send(post(long, 1000))
    wait_until(lambda: worker.waiting == 1, 10, what="one that waits")
    wait_until(lambda: worker.waiting == 0, 20, what="the end of its waiting")
    worker.go_on.set()
    assert status(waiting) == 503


def test_the_time_of_a_stream_begins_when_it_has_a_place() -> None:
    arrival = Arrival(Patience(silence_seconds=30, grace_seconds=30), began=0.0)
    arrival.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 0.0)
    arrival.begin_anew(29.0)
    assert not arrival.overdue(58.0)
    assert arrival.overdue(60.0)


def test_a_worker_that_stops_waits_for_the_request_on_a_connection_that_it_has_taken(
    worker: BusyWorker, send: Send
) -> None:
    connection = send(b"")
    wait_until(lambda: worker.nr_conns == 1, 10, what="the connection taken")
    worker.alive = False
    worker.go_on.set()
    # Once round its loop for each: whom it cuts off when it stops is cut off by then.
    for _ in range(2):
        round_done = Event()
        worker.method_queue.defer(round_done.set)
        assert round_done.wait(10)
    connection.sendall(post(1000))
    assert status(connection) == 200
