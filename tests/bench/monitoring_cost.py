"""Measures what monitoring costs: the throughput of a folder with metrics, events and Flower on, against all of it off.

    make bench ONLY=monitoring

Two workers with a Redis each stand side by side and take short turns, never at once, so that whatever else the machine
does hits both alike. A turn lasts from the submission to the last result by the job store's clock. The figure is the
median over the pairs with its 95 % confidence interval, by images a second and by the processor time of worker, Redis
and Flower, which another program disturbs less.

The promise is held if the whole interval lies below it (exit status 0) and missed if none of it does (1). Where images
a second do not decide, processor time does: both cores compute, so what it costs is lost. Otherwise the machine was too
busy to tell, and that is no success either (2).
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import click
import httpx
import psutil

from common.jobs.record import NewJob, new_job_id
from common.jobs.workers import WorkerRegister
from common.queues import CONSUMED_QUEUES, QueueName
from common.redis_client import connect
from common.settings import Settings
from common.shared_metrics import FOLDER_VARIABLE
from common.storage import Storage, image_key
from tests.announcing_store import AnnouncingStore
from tests.bench.idle_latency import bench_image
from tests.bench.rounds import Figure, median_interval
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
        self.store, self.register = AnnouncingStore(client), WorkerRegister(client)
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

    def work(self, image: bytes, *, images: int) -> tuple[float, float]:
        """Work through a folder; return images a second, and milliseconds of processor time an image."""
        jobs = [NewJob(new_job_id(), QueueName.BULK, "bench.jpg") for _ in range(images)]
        for job in jobs:
            self.storage.put(image_key(job.id), image)
        target = self.store.counts().get("succeeded", 0) + images
        used = self.cpu_seconds()
        self.store.create(jobs)
        self.hints.send(QueueName.BULK, PROCESSES)
        if self.watched:
            # Once a folder, which takes two seconds: Prometheus asks every ten.
            self._scraped()
        wait_until(lambda: self.store.counts().get("succeeded", 0) == target, 120, what="the whole folder")
        cpu_ms = 1e3 * (self.cpu_seconds() - used) / images
        ended = [job for job in self.store.read_many([job.id for job in jobs]) if job is not None]
        # By Redis's clock: the pause between two looks would be a hundredth of so short a folder.
        first = min(job.submitted_at for job in ended)
        last = max(job.finished_at for job in ended if job.finished_at is not None)
        return images / (last - first).total_seconds(), cpu_ms

    def cpu_seconds(self) -> float:
        """Processor time of worker, Redis and Flower so far."""
        total = 0.0
        assert self.redis.process is not None
        for process in (*self.processes, self.redis.process):
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


@dataclass(frozen=True)
class Pair:
    """A folder on each side: images a second, and processor time an image in milliseconds."""

    speed: Mapping[bool, float]
    cpu_ms: Mapping[bool, float]

    @property
    def speed_cost(self) -> float:
        """Share of the throughput that monitoring takes."""
        return 1 - self.speed[True] / self.speed[False]

    @property
    def cpu_cost(self) -> float:
        """The same where nothing but processor time bounds the throughput."""
        return 1 - self.cpu_ms[False] / self.cpu_ms[True]


def measure(*, pairs: int, images: int) -> list[Pair]:
    """Start both sides and let them take turns."""
    image = bench_image()
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as folder:
        on, off = (Side(Path(folder) / name, watched=name == "on") for name in ("on", "off"))
        try:
            for side in (on, off):
                side.start()
                side.work(image, images=images)
            # Which side goes first changes with each pair.
            return [_pair((on, off) if number % 2 else (off, on), image, images=images) for number in range(pairs)]
        finally:
            on.stop()
            off.stop()


def _pair(turn: tuple[Side, Side], image: bytes, *, images: int) -> Pair:
    found = {side.watched: side.work(image, images=images) for side in turn}
    return Pair({on: speed for on, (speed, _) in found.items()}, {on: cpu_ms for on, (_, cpu_ms) in found.items()})


def figures(measured: Sequence[Pair]) -> dict[str, Figure]:
    """Give the medians and their pairs for the table of the bench."""
    return {
        "cost of monitoring, share of throughput": Figure.of([pair.speed_cost for pair in measured]),
        "cost of monitoring, by processor time": Figure.of([pair.cpu_cost for pair in measured]),
    }


@click.command()
@click.option("--pairs", default=80, type=click.IntRange(min=2), show_default=True, help="Turns of each side.")
@click.option("--images", default=150, type=click.IntRange(min=1), show_default=True, help="Images of a folder.")
def main(pairs: int, images: int) -> None:
    """Measure in pairs; the exit status says whether the promise is held, missed or not decided."""
    measured = measure(pairs=pairs, images=images)
    for state, name in ((True, "metrics, events and Flower on"), (False, "all of it off")):
        speed = statistics.median(pair.speed[state] for pair in measured)
        cpu = statistics.median(pair.cpu_ms[state] for pair in measured)
        click.echo(f"{name:30} {speed:7.1f} images/s, {cpu:6.2f} ms of processor time an image")
    verdicts = [
        _tell("images a second", [pair.speed_cost for pair in measured]),
        _tell("processor time", [pair.cpu_cost for pair in measured]),
    ]
    decided = next((verdict for verdict in verdicts if verdict is not Verdict.UNDECIDED), Verdict.UNDECIDED)
    click.echo(f"{pairs} folders of {images} on each side, load {os.getloadavg()[0]:.1f}: {decided.value[1]}.")
    sys.exit(decided.value[0])


def _tell(measure_name: str, costs: Sequence[float]) -> "Verdict":
    low, high = median_interval(costs)
    verdict = verdict_of(low, high)
    first, median, third = (100 * cut for cut in statistics.quantiles(costs, n=4))
    click.echo(
        f"Cost by {measure_name}: median {median:.1f} %, 95 % confidence {100 * low:.1f} to {100 * high:.1f} %, "
        f"quartiles {first:.1f} and {third:.1f} %. At most {100 * LIMIT:.0f} % is promised: {verdict.value[1]}."
    )
    return verdict


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


if __name__ == "__main__":
    main()
