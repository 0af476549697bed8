"""A web server without room for the requests that arrive: each is told so, and the process that collects them lives."""

import resource
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.fixtures.redis import RedisServer
from tests.web_server import WebServer, web_settings

MakeImage = Callable[..., bytes]

# Longer than what is held in memory, and than any file that the cramped process may write.
LONG_BODY = bytes(6_000_000)
MOST_BYTES_OF_A_FILE = 2_000_000


@pytest.fixture
def web(redis_server: RedisServer, redis_url: str, tmp_path: Path) -> Iterator[WebServer]:
    settings = web_settings(redis_url=redis_url, folder=tmp_path).model_copy(update={"web_processes": 1})
    server = WebServer(settings)
    server.start()
    yield server
    server.stop()


def processes(web: WebServer) -> list[int]:
    assert web.process is not None
    master = web.process.pid
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def next_file(process: int) -> int:
    """Number that the next file of a process would have."""
    taken = {int(file.name) for file in Path(f"/proc/{process}/fd").iterdir()}
    return next(number for number in count() if number not in taken)


def submit(web: WebServer, image: bytes) -> httpx.Response:
    return httpx.post(f"{web.url}/api/v1/jobs", content=image, headers={"Content-Type": "image/jpeg"}, timeout=30)


@pytest.mark.parametrize(
    ("limit", "most", "told"),
    [
        (resource.RLIMIT_FSIZE, MOST_BYTES_OF_A_FILE, (507, "storage_full")),
        # Connections that are open already go on; the file of a long body is one too many.
        (resource.RLIMIT_NOFILE, None, (503, "unavailable")),
    ],
    ids=["no room on the disk", "no more files"],
)
def test_a_body_that_cannot_be_held_is_refused_and_the_process_lives(
    web: WebServer, make_image: MakeImage, limit: int, most: int | None, told: tuple[int, str]
) -> None:
    (process,) = processes(web)
    headers = {"Content-Type": "image/jpeg"}
    with httpx.Client(base_url=web.url, timeout=30) as client:
        assert client.get("/healthz").status_code == 200
        before = resource.prlimit(process, limit)
        open_files = len(list(Path(f"/proc/{process}/fd").iterdir()))
        resource.prlimit(process, limit, (open_files if most is None else most, before[1]))
        for _ in range(3):
            answer = client.post("/api/v1/jobs", content=LONG_BODY, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == told
            assert answer.headers["Content-Type"] == "application/problem+json"
            if most is None:
                break
        resource.prlimit(process, limit, before)
    assert processes(web) == [process]
    assert submit(web, make_image()).status_code == 202
    assert "Exception in worker process" not in (web.settings.data_dir / "web.log").read_text(errors="replace")
