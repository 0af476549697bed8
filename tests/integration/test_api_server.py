"""The API behind gunicorn as in production: what only a real server and real sockets can get wrong."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import redis

from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer
from tests.waiting import wait_until
from tests.web_server import WebServer, web_settings

MakeImage = Callable[..., bytes]


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(web_settings(redis_url=redis_server.url, folder=tmp_path_factory.mktemp("web")))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def web(server: WebServer, redis_url: str) -> WebServer:
    return server


def submit(web: WebServer, data: bytes) -> httpx.Response:
    return httpx.post(f"{web.url}/api/v1/jobs", files={"image": ("a.jpg", data)}, timeout=30)


def test_a_photo_goes_in_and_its_result_is_seen_by_a_long_poll(web: WebServer, make_image: MakeImage) -> None:
    response = submit(web, make_image())
    assert response.status_code == 202
    with FakeWorker(web.settings).working():
        job = httpx.get(f"{web.url}{response.headers['Location']}?wait=20", timeout=30).json()
    assert (job["status"], job["predictions"][0]["label"]) == ("succeeded", "caries")


def test_a_file_of_25_mb_gets_its_answer_although_it_is_not_read(web: WebServer) -> None:
    response = submit(web, b"\xff\xd8\xff" + bytes(25_000_000))
    assert (response.status_code, response.json()["code"]) == (413, "image_too_large")


def test_a_body_of_unknown_length_is_cut_at_the_limit(web: WebServer) -> None:
    def endless() -> Iterator[bytes]:
        yield b"\xff\xd8\xff"
        for _ in range(25):
            yield bytes(1_000_000)

    response = httpx.post(
        f"{web.url}/api/v1/jobs", content=endless(), headers={"Content-Type": "image/jpeg"}, timeout=30
    )
    assert (response.status_code, response.json()["code"]) == (413, "image_too_large")


def test_1100_form_parts_get_their_answer(web: WebServer, make_image: MakeImage) -> None:
    fields = {f"field{number}": "x" for number in range(1100)}
    response = httpx.post(f"{web.url}/api/v1/jobs", data=fields, files={"image": ("a.jpg", make_image())}, timeout=30)
    assert (response.status_code, response.json()["code"]) == (413, "too_many_parts")


def test_an_upload_that_breaks_off_leaves_nothing_behind(web: WebServer) -> None:
    with socket.create_connection(("127.0.0.1", web.settings.port)) as connection:
        connection.sendall(
            b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 500000\r\n\r\n"
            + bytes(1000)
        )
    assert httpx.get(f"{web.url}/healthz").status_code == 200
    assert FakeWorker(web.settings).claim() == []


def test_metrics_are_those_of_all_processes_together(web: WebServer) -> None:
    def counted() -> float:
        text = httpx.get(f"{web.url}/metrics").text
        found = re.search(
            r'^dentiq_http_requests_total\{code="404",method="GET",route="/api/v1/jobs/<job_id>"\} (\S+)$', text, re.M
        )
        return float(found[1]) if found else 0.0

    before = counted()
    askers = [
        threading.Thread(target=lambda: [httpx.get(f"{web.url}/api/v1/jobs/none") for _ in range(10)]) for _ in range(4)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    # Whichever process answers the scrape.
    assert {counted() for _ in range(6)} == {before + 40}


def test_a_restart_ends_long_polls_and_loses_no_job(web: WebServer, make_image: MakeImage) -> None:
    job = submit(web, make_image()).json()
    outcome: list[object] = []

    def poll() -> None:
        try:
            outcome.append(httpx.get(f"{web.url}{job['links']['self']}?wait=20", timeout=30).status_code)
        except httpx.TransportError as error:
            outcome.append(error)

    poller = threading.Thread(target=poll)
    poller.start()
    web.stop()
    poller.join()
    assert outcome, "the poll never ended"
    web.start()
    assert httpx.get(f"{web.url}{job['links']['self']}").json()["status"] == "queued"


def test_the_server_refuses_to_start_on_a_redis_that_would_drop_jobs(
    make_redis: Callable[[], RedisServer], tmp_path: Path
) -> None:
    unsafe = make_redis()
    with redis.Redis.from_url(unsafe.url) as client:
        client.config_set("appendonly", "no")
    server = WebServer(web_settings(redis_url=unsafe.url, folder=tmp_path))
    with pytest.raises(AssertionError, match="set `appendonly yes`"):
        server.start()
    wait_until(lambda: not server.runs(), 20, what="the end of gunicorn")


def test_importing_the_web_brings_no_network_and_no_worker() -> None:
    code = "import web.app_factory, sys; assert not {'torch', 'onnxruntime', 'worker'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
