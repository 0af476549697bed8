"""Hostile and broken senders against the real server: each hears a 4xx or is cut off, and nobody else notices."""

import contextlib
import io
import select
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from threading import Event, Thread

import httpx
import pytest

from tests.fixtures.redis import RedisServer
from tests.waiting import wait_until
from tests.web_server import IMPATIENT_SECONDS, WebServer, web_settings
from tests.web_traces import of_senders, redis_keys, stored_files
from web.problems import Problem

THREADS = 4

# On a busy machine an answer may take longer than senders are given.
ROUNDS = 5
MakeImage = Callable[..., bytes]


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "spool").mkdir()
    settings = web_settings(redis_url=redis_server.url, folder=folder)
    server = WebServer(
        settings.model_copy(update={"web_processes": 1}),
        environment={"DENTIQ_WEB_THREADS": str(THREADS), "TMPDIR": str(folder / "spool")},
        configuration="tests.impatient_gunicorn_conf",
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def web(server: WebServer, redis_url: str) -> WebServer:
    return server


def head(length: object, *, path: str = "/api/v1/jobs", more: str = "", kind: str = "image/jpeg") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}", f"Content-Length: {length}", more]
    return "\r\n".join(line for line in lines if line).encode() + b"\r\n\r\n"


def exchange(web: WebServer, sent: bytes, *, timeout: float = 20) -> bytes:
    """Send bytes and read until the server closes."""
    with socket.create_connection(("127.0.0.1", web.settings.port), timeout=timeout) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def submit(web: WebServer, image: bytes) -> httpx.Response:
    return httpx.post(f"{web.url}/api/v1/jobs", content=image, headers={"Content-Type": "image/jpeg"}, timeout=20)


def unanswered(connections: list[socket.socket]) -> int:
    """Count the connections that the server has neither answered nor closed."""
    heard, _, _ = select.select(connections, [], [], 0)
    return len(connections) - len(heard)


@contextlib.contextmanager
def trickling(web: WebServer, *, beginnings: list[bytes]) -> Iterator[list[socket.socket]]:
    """Keep connections open and send one more byte on each, every fifth of a second."""
    stop = Event()
    with contextlib.ExitStack() as held:
        connections = [
            held.enter_context(socket.create_connection(("127.0.0.1", web.settings.port), timeout=10))
            for _ in beginnings
        ]
        for connection, beginning in zip(connections, beginnings, strict=True):
            connection.sendall(beginning)

        def trickle() -> None:
            while not stop.wait(IMPATIENT_SECONDS / 5):
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.send(b"a")

        thread = Thread(target=trickle)
        thread.start()
        try:
            yield connections
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize(
    "beginning", [b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nX: ", head(500_000)], ids=["in the head", "in the body"]
)
def test_senders_of_a_byte_now_and_then_hold_no_thread(web: WebServer, make_image: MakeImage, beginning: bytes) -> None:
    """Many times as many as there are threads: who comes beside them is answered as if they were not there."""
    for _ in range(ROUNDS):
        with trickling(web, beginnings=[beginning] * (20 * THREADS)) as connections:
            assert submit(web, make_image()).status_code == 202
            # Held by them, a thread would have come to this image once the senders before it were gone.
            if unanswered(connections) > len(connections) // 2:
                return
    pytest.fail("no image was answered before the slow senders were gone")


def test_a_sender_of_a_byte_now_and_then_is_told_in_the_end(web: WebServer) -> None:
    with trickling(web, beginnings=[head(500_000)]) as (connection,):
        assert everything(connection).startswith(b"HTTP/1.1 408 ")


def test_bodies_too_long_to_hold_take_a_part_of_the_threads_alone(web: WebServer, make_image: MakeImage) -> None:
    archive = head(500_000_000, path="/api/v1/batches/x/images", kind="multipart/form-data; boundary=b")
    with trickling(web, beginnings=[archive] * (5 * THREADS)):
        for _ in range(5):
            assert submit(web, make_image()).status_code == 202


def test_an_archive_too_long_to_hold_is_taken(web: WebServer, make_image: MakeImage) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.jpg", make_image())
        archive.writestr("notes.bin", bytes(30_000_000))
    batch = httpx.post(f"{web.url}/api/v1/batches", json={}).json()["id"]
    files = {"archive": ("folder.zip", data.getvalue())}
    answer = httpx.post(f"{web.url}/api/v1/batches/{batch}/images", files=files, timeout=60)
    assert answer.status_code == 202
    assert [image["filename"] for image in answer.json()["accepted"]] == ["a.jpg"]


def test_a_body_in_chunks_is_taken(web: WebServer, make_image: MakeImage) -> None:
    image = make_image()
    pieces = (image[start : start + 100] for start in range(0, len(image), 100))
    assert submit(web, pieces).status_code == 202  # type: ignore[arg-type]  # httpx sends an iterator in chunks


def test_requests_sent_in_one_go_are_answered_one_after_the_other(web: WebServer, make_image: MakeImage) -> None:
    image = make_image()
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = exchange(web, (head(len(image)) + image) * 3 + last)
    assert answers.count(b"HTTP/1.1 202 ") == 3
    assert answers.count(b'{"status":"alive"}') == 1


def test_a_sender_that_asks_for_leave_gets_it(web: WebServer, make_image: MakeImage) -> None:
    image = make_image()
    with socket.create_connection(("127.0.0.1", web.settings.port), timeout=10) as connection:
        connection.sendall(head(len(image), more="Expect: 100-continue\r\nConnection: close"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(image)
        assert b"HTTP/1.1 202 " in everything(connection)


WRONG = {
    "less body than declared": (head(500_000) + b"abc", b"408"),
    "a negative length": (head(-1) + b"abc", b"400"),
    "a length that is no number": (head("many") + b"abc", b"400"),
    "two lengths": (head(3, more="Content-Length: 4") + b"abcd", b"400"),
    "a length and chunks": (head(3, more="Transfer-Encoding: chunked") + b"0\r\n\r\n", b"400"),
    "chunks that are none": (head(3).replace(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"zz\r\n", b"400"),
    "an unknown coding": (head(3).replace(b"Content-Length: 3", b"Transfer-Encoding: x") + b"abc", b"501"),
    "an unknown expectation": (head(3, more="Expect: much") + b"abc", b"417"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
    "a header line without a colon": (b"GET / HTTP/1.1\r\nHost x\r\n\r\n", b"400"),
    "a huge request line": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
    "a huge header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
    "a head without an end": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 50_000, b"431"),
    "ten thousand headers": (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 9_000 + b"\r\n", b"431"),
}


# What is wrong with these shows once the application reads.
OF_THE_BODY = ("less body than declared", "chunks that are none")


@pytest.mark.parametrize(("sent", "status"), WRONG.values(), ids=WRONG.keys())
def test_a_request_that_is_wrong_is_refused(web: WebServer, sent: bytes, status: bytes) -> None:
    answer = exchange(web, sent)
    assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]


@pytest.mark.parametrize("wrong", [name for name in WRONG if name not in OF_THE_BODY])
def test_a_head_that_is_refused_is_told_as_any_problem(web: WebServer, wrong: str) -> None:
    sent, status = WRONG[wrong]
    head, _, body = exchange(web, sent).partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert Problem.model_validate_json(body, extra="forbid").status == int(status)


@pytest.mark.parametrize("more", ["", "Expect: 100-continue"])
def test_a_body_longer_than_any_that_is_taken_is_refused_before_any_of_it_came(web: WebServer, more: str) -> None:
    """Its sender sends no byte of it and waits: an answer that waits for the body is another one, a 408."""
    answer = exchange(web, head(10**12, more=more))
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert Problem.model_validate_json(answer.partition(b"\r\n\r\n")[2]).code == "request_entity_too_large"


def test_more_body_than_declared_is_another_request_and_a_wrong_one(web: WebServer, make_image: MakeImage) -> None:
    image = make_image()
    answers = exchange(web, head(len(image)) + image + b"and more\r\n\r\n")
    assert answers.startswith(b"HTTP/1.1 202 ")
    assert b"HTTP/1.1 400 " in answers


def test_ten_thousand_form_parts_are_refused(web: WebServer) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n'
    body = part * 10_000 + b"--b--\r\n"
    kind = "multipart/form-data; boundary=b"
    for path in ("/api/v1/jobs", "/", "/api/v1/batches/x/images", "/sign-in"):
        answer = exchange(web, head(len(body), path=path, kind=kind, more="Connection: close") + body)
        assert answer.startswith(b"HTTP/1.1 4"), (path, answer[:100])


def test_aborted_uploads_leave_nothing(web: WebServer, make_image: MakeImage) -> None:
    batch = httpx.post(f"{web.url}/api/v1/batches", json={}, timeout=20).json()["links"]["self"]
    images = f"{batch}/images"
    before, keys = stored_files(web), redis_keys(web)
    # A body that waits on the disk, one that a thread reads into a file of its own, one that is refused, half a head.
    form = b'--b\r\nContent-Disposition: form-data; name="archive"; filename="a.zip"\r\n\r\n'
    kind = "multipart/form-data; boundary=b"
    aborted = (
        head(5_000_000) + bytes(3_000_000),
        head(500_000_000, path=images, kind=kind) + form + bytes(3_000_000),
        head(500_000_000) + bytes(1000),
        b"POST / HT",
    )
    for _ in range(3 * THREADS):
        for sent in aborted:
            # The server may be gone first, where it refuses.
            with (
                socket.create_connection(("127.0.0.1", web.settings.port), timeout=60) as connection,
                contextlib.suppress(ConnectionError),
            ):
                connection.sendall(sent)
    wait_until(lambda: not of_senders(web), 60, what="an end of all connections and of what they wrote")
    assert not any((web.settings.data_dir.parent / "spool").iterdir())
    assert (stored_files(web), redis_keys(web)) == (before, keys)
    assert httpx.get(f"{web.url}{batch}", timeout=20).json()["total"] == 0
    assert submit(web, make_image()).status_code == 202
    assert len(stored_files(web)) == len(before) + 1


def test_more_connections_than_there_are_places_make_room(web: WebServer, make_image: MakeImage) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(450):
            connection = socket.create_connection(("127.0.0.1", web.settings.port), timeout=10)
            held.enter_context(connection)
            connection.sendall(b"GET / HTTP/1.1\r\n")
        assert submit(web, make_image()).status_code == 202


def test_peers_that_stay_after_their_last_answer_hold_up_nobody(web: WebServer) -> None:
    """Their connections are closed, and others are answered meanwhile."""
    with contextlib.ExitStack() as open_ones:
        staying = []
        for _ in range(20):
            connection = open_ones.enter_context(socket.create_connection(("127.0.0.1", web.settings.port), timeout=20))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            staying.append(connection)
        # Everything of the answer and the server's end: from here on each would be waited for.
        assert all(b" 200 " in everything(connection) for connection in staying)
        began = time.monotonic()
        assert httpx.get(f"{web.url}/healthz", timeout=60).status_code == 200
        # Waited for one after the other, each takes two seconds; half of that is left to a machine that is busy.
        assert time.monotonic() - began < len(staying)


def test_what_is_logged_of_a_wrong_head_is_neither_its_address_nor_its_headers(web: WebServer) -> None:
    exchange(web, b"GET /jobs/secret-job HTTP/9.x\r\nHost: x\r\n\r\n")
    exchange(web, b"GET / HTTP/1.1\r\nAuthorization: Bearer secret-key\x01\r\nHost: x\r\n\r\n")
    log = (web.settings.data_dir / "web.log").read_text(errors="replace")
    assert log.count("is refused by its head: bad_request.") >= 2
    assert "secret-" not in log


def test_the_server_logged_no_crash(web: WebServer) -> None:
    log = (web.settings.data_dir / "web.log").read_text(errors="replace")
    assert "request_crashed" not in log
    assert "Exception in worker process" not in log
    assert "WORKER TIMEOUT" not in log
