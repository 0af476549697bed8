"""The results of 100,000 jobs leave web as they are read: in the memory of a few hundred, the first at once."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis

from common.jobs import keys
from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer
from tests.web_memory import Memory
from tests.web_server import WebServer, web_settings

JOBS = 100_000

# Held as a whole, the table would be 12 MB, the array 140 MB, and the records that they are made of 300 MB.
MOST_GROWTH_BYTES = 25_000_000

# Copies the record of a job under other ids, and appends these to the list of its batch.
_COPY = """
for number = tonumber(ARGV[1]), tonumber(ARGV[2]) do
    local id = string.format('copy%020d', number)
    redis.call('COPY', KEYS[1], ARGV[3] .. id)
    redis.call('RPUSH', KEYS[2], id)
end
"""
_PORTION = 5_000


@pytest.fixture
def web(make_redis: Callable[[], RedisServer], tmp_path: Path) -> Iterator[WebServer]:
    settings = web_settings(redis_url=make_redis().url, folder=tmp_path)
    server = WebServer(settings.model_copy(update={"web_processes": 1}))
    server.start()
    yield server
    server.stop()


@dataclass(frozen=True)
class Download:
    """What an export was."""

    lines: int
    length: int
    first_seconds: float
    seconds: float


def download(http: httpx.Client, address: str) -> Download:
    began = time.monotonic()
    first = 0.0
    lines = length = 0
    with http.stream("GET", address) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            first = first or time.monotonic() - began
            lines += piece.count(b"\n")
            length += len(piece)
    return Download(lines, length, first, time.monotonic() - began)


def full_batch(web: WebServer, http: httpx.Client, image: bytes) -> dict[str, str]:
    """Make a batch of one real result and its copies."""
    batch = http.post("/api/v1/batches", json={}).json()
    http.post(batch["links"]["images"], files={"images": ("folder/tooth.jpg", image)}).raise_for_status()
    worker = FakeWorker(web.settings)
    (claim,) = worker.claim()
    worker.succeed([claim])
    with redis.Redis.from_url(web.settings.effective_job_store_url, socket_timeout=60) as client:
        copy = client.register_script(_COPY)
        of_batch = keys.BATCH_JOBS + batch["id"]
        for first in range(1, JOBS, _PORTION):
            last = min(first + _PORTION, JOBS) - 1
            copy(keys=[keys.JOB + claim.job_id, of_batch], args=[first, last, keys.JOB])
        assert client.llen(of_batch) == JOBS
    links: dict[str, str] = batch["links"]
    return links


# Half a minute on two free cores, minutes on busy ones.
@pytest.mark.timeout(600)
def test_the_results_of_100_000_jobs_are_exported_in_flat_memory(
    web: WebServer, make_image: Callable[..., bytes]
) -> None:
    with httpx.Client(base_url=web.url, timeout=60) as http:
        links = full_batch(web, http, make_image())
        for kind in ("results_csv", "results_json"):
            # What the first requests of a process load is no growth.
            with http.stream("GET", links[kind]) as answer:
                next(answer.iter_raw())
        for kind, least in (("results_csv", 10_000_000), ("results_json", 100_000_000)):
            with Memory(web) as memory:
                found = download(http, links[kind])
            assert found.length > least
            assert kind == "results_json" or found.lines == JOBS + 1
            # Made as a whole, it would all come at the end.
            assert found.first_seconds < found.seconds / 4, found
            assert memory.growth < MOST_GROWTH_BYTES, (
                f"web grew by {memory.growth / 1e6:.0f} MB from {memory.before / 1e6:.0f} MB"
            )
