"""The figures that are not a race: latency, Redis memory, deep queues, resident memory, start, scrape."""

import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import psutil

from client import Dentiq
from common.jobs.batches import BatchStore
from common.jobs.record import BatchMembership, NewJob, Outcome, Success, new_job_id
from common.jobs.store import JobStore
from common.queues import QueueName
from common.redis_client import connect
from tests.bench import interactive_under_bulk
from tests.bench.idle_latency import bench_image, long_poll, measure
from tests.bench.pictures import make
from tests.bench.rounds import Figure
from tests.bench.sides import send_folder
from tests.fixtures.redis import RedisServer, free_port
from tests.fixtures.stack import LocalStack

_LABELS: Final = ("calculus", "caries", "discoloration", "gingivitis", "healthy", "hypodontia", "ulcer")
_LIMITS: Final = {QueueName.INTERACTIVE: 8, QueueName.BULK: 32}
# A name as versions have it; nothing in the model store needs to bear it.
_VERSION: Final = "20260101-sample"
_PORTION: Final = 64
_DEEP: Final = 100_000
_WAITING_BATCH: Final = "waiting"


def on_the_platform(*, latency_jobs: int) -> dict[str, Figure]:
    """Start the platform once and read off what can be seen from outside."""
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as name:
        stack = LocalStack(Path(name) / "var")
        try:
            stack.start()
            ready = re.search(r"is ready after ([0-9.]+) s", stack.output)
            with Dentiq(stack.base_url) as dentiq:
                measure(dentiq, bench_image(), long_poll, jobs=20)
                samples = measure(dentiq, bench_image(), long_poll, jobs=latency_jobs)
            send_folder(stack, make(Path(name) / "folder", "photographs", 256), Path(name) / "out")
            # A phone's picture is what needs the most memory to decode.
            send_folder(stack, make(Path(name) / "phones", "originals", 32), Path(name) / "out2")
            pool = psutil.Process(stack.part_pid("worker")).children()
            resident = max(process.memory_info().rss for process in pool)
            scrapes = {
                "web": _scrape_ms(f"{stack.base_url}/metrics"),
                "worker": _scrape_ms(f"http://127.0.0.1:{stack.worker_metrics_port}/metrics"),
            }
        finally:
            stack.clean_up()
    overheads = [sample.overhead_ms for sample in samples]
    found = {
        "idle overhead p50, ms": statistics.median(overheads),
        "idle overhead p99, ms": statistics.quantiles(overheads, n=100)[98],
        "idle bare inference p50, ms": statistics.median(sample.inference_ms for sample in samples),
        "worker resident, MB": resident / 1e6,
        "start to ready, s": float(ready.group(1)) if ready else float("nan"),
        "scrape of web, ms": scrapes["web"],
        "scrape of worker, ms": scrapes["worker"],
    }
    return {name: Figure(value) for name, value in found.items()}


def beside_a_folder(*, queued: int = 10_000, singles: int = 100) -> dict[str, Figure]:
    """Measure how long a person waits while a folder of so many is being worked through."""
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as name:
        stack = LocalStack(Path(name) / "var")
        try:
            stack.start()
            found = interactive_under_bulk.measure(stack, queued=queued, singles=singles)
        finally:
            stack.clean_up()
    return {
        "interactive p50 with 10,000 queued, s": Figure(found.p50_seconds),
        "interactive p99 with 10,000 queued, s": Figure(found.p99_seconds),
    }


def _scrape_ms(url: str) -> float:
    times = []
    for _ in range(11):
        started = time.perf_counter()
        with urlopen(url, timeout=10) as answer:
            answer.read()
        times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times)


class Cycle:
    """The job store's part of a job's life, against a Redis of its own: submit, claim, finish, read."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._redis = RedisServer(folder, free_port())
        self._redis.start()
        self._client: Any = connect(self._redis.url, timeout_seconds=30, max_connections=2)
        self.store, self.batches = JobStore(self._client), BatchStore(self._client)
        self.store.register_labels(_VERSION, _LABELS)

    def submit(self, batch_id: str, count: int) -> None:
        """Queue jobs in portions as web does."""
        self.batches.create(batch_id, name="bench", life_seconds=86_400)
        for first in range(0, count, _PORTION):
            numbers = range(first, min(first + _PORTION, count))
            jobs = [NewJob(new_job_id(), QueueName.BULK, f"photo_{number:06}.jpg") for number in numbers]
            self.store.announce_uploads([job.id for job in jobs], grace_seconds=3600)
            self.store.create(jobs, batch=BatchMembership(batch_id, life_seconds=86_400))

    def work(self, count: int) -> None:
        """Claim and finish so many jobs as workers do, and read them as senders do."""
        done = 0
        while done < count:
            claims = self.store.claim(_LIMITS, lease_seconds=5)
            reports = [
                Success(claim, _VERSION, Outcome.ANSWERED, "caries", (0.9, *[0.01666] * 6), 0.004, 0.0131)
                for claim in claims
            ]
            self.store.finish(reports)
            self.store.read_many([claim.job_id for claim in claims])
            done += len(claims)

    def cost_ms(self, count: int) -> float:
        """Processor time of Redis and of this process for each job of a small batch, in milliseconds."""
        before = self._used()
        self.submit(new_job_id(), count)
        self.work(count)
        return 1e3 * (self._used() - before) / count

    def bytes_per_job(self, count: int) -> float:
        """Memory of Redis for each finished job."""
        self.submit("warm", _PORTION)
        self.work(_PORTION)
        before = self._memory()
        self.submit("measured", count)
        self.work(count)
        return (self._memory() - before) / count

    def end(self) -> None:
        """Stop Redis."""
        self._client.close()
        self._redis.stop()

    def _memory(self) -> int:
        # What a claim's answer is kept for, in case it got lost, goes by itself after a minute.
        if tokens := list(self._client.scan_iter("dentiq:claim:*", count=1000)):
            self._client.delete(*tokens)
        return int(self._client.info("memory")["used_memory"])

    def _used(self) -> float:
        info = self._client.info("cpu")
        return float(time.process_time() + info["used_cpu_user"] + info["used_cpu_sys"])


def of_the_store(*, repeats: int) -> dict[str, Figure]:
    """Measure the job store alone: bytes a job, and what a backlog of 100,000 adds to the cost of a job."""
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as name:
        empty, deep, small = (Cycle(Path(name) / side) for side in ("empty", "deep", "small"))
        try:
            stored = small.bytes_per_job(20_000)
            deep.submit(_WAITING_BATCH, _DEEP)
            for side in (empty, deep):
                side.cost_ms(1024)
            pairs = [(empty.cost_ms(2048), deep.cost_ms(2048)) for _ in range(repeats)]
        finally:
            for side in (empty, deep, small):
                side.end()
    return {
        "Redis bytes a finished job": Figure(stored),
        "store cost a job, empty, ms": Figure.of([shallow for shallow, _ in pairs]),
        "cost a job at 100,000 queued / empty": Figure.of([there / shallow for shallow, there in pairs]),
    }
