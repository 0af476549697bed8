"""Measures what monitoring costs: the throughput of a folder with metrics, events and Flower on, against all of it off.

    make bench

Two workers with a Redis each stand side by side and work in turns, never at once, so that whatever else the machine
does hits both alike. The figure is the median over the pairs with its 95 % confidence interval. The promise is held if
the whole interval lies below it (exit status 0) and missed if none of it does (1); otherwise the machine was too busy
to tell, and that is no success either (2). Processor time is shown beside it: on a machine that does other work it is
the steadier one.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import comb
from pathlib import Path
from typing import Any

import click
import httpx
import psutil

from common.jobs.record import NewJob, new_job_id
from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister
from common.queues import CONSUMED_QUEUES, QueueName
from common.redis_client import connect
from common.settings import Settings
from common.shared_metrics import FOLDER_VARIABLE
from common.storage import Storage, image_key
from tests.bench.idle_latency import bench_image
from tests.fixtures.redis import RedisServer, free_port
from tests.waiting import wait_until
from worker.celery_app import create_app
from worker.hints import Hints

# The promise of this version.
LIMIT = 0.05
PROCESSES = 2


@dataclass
class Side:
    """A worker with a Redis of its own, watched or not."""

    folder: Path
    watched: bool
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give it a folder and a Redis, not started."""
        self.folder.mkdir()
        self.redis = RedisServer(self.folder, free_port())

    def start(self) -> None:
        """Start Redis and the worker, and wait until every pool process holds the model."""
        self.redis.start()
        self.metrics_port = free_port() if self.watched else 0
        variables = {
            "DENTIQ_REDIS_URL": self.redis.url,
            "DENTIQ_DATA_DIR": str(self.folder / "var"),
            "DENTIQ_WORKER_METRICS_PORT": str(self.metrics_port),
        }
        self.environment = os.environ | variables | {"OMP_NUM_THREADS": "1"}
        self.environment |= {FOLDER_VARIABLE: str(self.folder / "metrics")} if self.watched else {}
        settings = Settings.from_env(variables)
        client: Any = connect(settings.effective_job_store_url, timeout_seconds=5, max_connections=4)
        self.store, self.register = JobStore(client), WorkerRegister(client)
        self.storage = Storage(settings.effective_storage_url, fsync=False)
        self.hints = Hints(create_app(settings))
        self._celery("worker", "--concurrency", str(PROCESSES), "-Q", ",".join(CONSUMED_QUEUES), *self._events())
        if self.watched:
            self._celery("flower", f"--port={free_port()}", "--address=127.0.0.1", "--max-tasks=10000", nice=10)
        wait_until(lambda: len(self.register.alive()) == PROCESSES, 60, what="a model in every process")
        if self.watched:
            wait_until(self._scraped, 30, what="the worker's metrics")

    def _scraped(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10).is_success
        except httpx.TransportError:
            return False

    def _events(self) -> tuple[str, ...]:
        return ("-E",) if self.watched else ()

    def _celery(self, *arguments: str, nice: int = 0) -> None:
        command = ["nice", "-n", str(nice), sys.executable, "-m", "celery", "-A", "worker.app:app", *arguments]
        log = (self.folder / f"{arguments[0]}.log").open("ab")
        self.processes.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))

    def throughput(self, image: bytes, *, images: int) -> float:
        """Work through a folder; return images per second."""
        jobs = [NewJob(new_job_id(), QueueName.BULK, "bench.jpg") for _ in range(images)]
        for job in jobs:
            self.storage.put(image_key(job.id), image)
        target = self.store.counts().get("succeeded", 0) + images
        self.store.create(jobs)
        started = time.perf_counter()
        self.hints.send(QueueName.BULK, PROCESSES)
        if self.watched:
            # Once a folder, which takes seconds: Prometheus asks every ten.
            self._scraped()
        wait_until(lambda: self.store.counts().get("succeeded", 0) == target, 120, what="the whole folder")
        return images / (time.perf_counter() - started)

    def cpu_seconds(self) -> float:
        """Processor time of worker and Flower so far; unlike a speed, it does not depend on what else runs here."""
        total = 0.0
        for process in self.processes:
            parent = psutil.Process(process.pid)
            for member in (parent, *parent.children(recursive=True)):
                total += sum(member.cpu_times()[:2])
        return total

    def stop(self) -> None:
        """End everything."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(timeout=60)
        self.redis.stop()


@click.command()
@click.option("--pairs", default=30, show_default=True, help="Turns of each side.")
@click.option("--images", default=150, show_default=True, help="Images of a folder.")
def main(pairs: int, images: int) -> None:
    """Measure in pairs; the exit status says whether the promise is held, missed or not decided."""
    image = bench_image()
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as folder:
        on, off = (Side(Path(folder) / name, watched=name == "on") for name in ("on", "off"))
        try:
            for side in (on, off):
                side.start()
                side.throughput(image, images=images // 4)
            # Which side goes first changes with each pair.
            turns = [(on, off) if pair % 2 else (off, on) for pair in range(pairs)]
            before = {side.watched: side.cpu_seconds() for side in (on, off)}
            measured = [{side.watched: side.throughput(image, images=images) for side in turn} for turn in turns]
            used = {side.watched: side.cpu_seconds() - before[side.watched] for side in (on, off)}
        finally:
            on.stop()
            off.stop()
    costs = [1 - pair[True] / pair[False] for pair in measured]
    for state, name in ((True, "metrics, events and Flower on"), (False, "all of it off")):
        speed = statistics.median(pair[state] for pair in measured)
        click.echo(f"{name:30} {speed:7.1f} images/s (median of {pairs} folders of {images})")
    for state, name in ((True, "on"), (False, "off")):
        click.echo(
            f"{name:30} {1e3 * used[state] / pairs / images:7.2f} ms of processor time an image, Flower included"
        )
    low, high = median_interval(costs)
    status, words = verdict_of(low, high).value
    click.echo(
        f"Cost, pair by pair: median {100 * statistics.median(costs):.1f} %, 95 % confidence {100 * low:.1f} to "
        f"{100 * high:.1f} %; load {os.getloadavg()[0]:.1f}. At most {100 * LIMIT:.0f} % is promised: {words}."
    )
    sys.exit(status)


class Verdict(Enum):
    """What a measurement says of the promise: exit status and words."""

    HELD = (0, "held")
    MISSED = (1, "missed")
    UNDECIDED = (2, "not decided, measure on a quieter machine or with more pairs")


def verdict_of(low: float, high: float) -> Verdict:
    """Compare a confidence interval of the cost with the promise."""
    if high <= LIMIT:
        return Verdict.HELD
    return Verdict.MISSED if low > LIMIT else Verdict.UNDECIDED


def median_interval(costs: Sequence[float]) -> tuple[float, float]:
    """Give the 95 % confidence interval of the median: order statistics, their ranks from the binomial distribution.

    Nothing is assumed of how the costs are spread (Conover, Practical Nonparametric Statistics, section 3.2).
    """
    ordered, number = sorted(costs), len(costs)
    outside, rank = 0.0, 0
    # How likely it is that fewer than `rank` of the costs lie below the true median.
    while rank < number // 2 and outside + comb(number, rank) / 2**number <= 0.025:
        outside += comb(number, rank) / 2**number
        rank += 1
    first = max(rank - 1, 0)
    return ordered[first], ordered[number - 1 - first]


if __name__ == "__main__":
    main()
