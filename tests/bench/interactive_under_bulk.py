"""Measures how long a person waits for one image while a folder of thousands is being worked through.

    .venv/bin/python -m tests.bench.interactive_under_bulk --queued 10000

It starts a platform of its own, fills its bulk queue as `dentiq batch` does and keeps it filled, then submits single
images one after the other, each seen by a long poll: every one of them meets a backlog.
"""

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from client import Dentiq
from tests.bench.idle_latency import bench_image
from tests.fixtures.images import encode_image
from tests.fixtures.stack import LocalStack
from tests.waiting import wait_until

# The promise: interactive before bulk, half a second at the 99th percentile.
LIMIT_SECONDS = 0.5

_PORTION = 64
_SENDERS = 2


@dataclass(frozen=True)
class Measurement:
    """What was measured, and under which load."""

    singles: int
    queued_least: int
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    longest_seconds: float
    queue_p99_seconds: float
    bulk_images_per_second: float
    cores: int
    load_before: float
    load_after: float


class Backlog:
    """Keep at least so many bulk jobs waiting."""

    def __init__(self, server: str, *, jobs: int) -> None:
        self._server = server
        self._jobs = jobs
        self._stopped = threading.Event()
        # Small pictures fill the queue quickly; in a worker they take the network's time all the same.
        self._files = [(f"{number}.jpg", encode_image(width=64 + number, height=64)) for number in range(_PORTION)]
        with Dentiq(server) as dentiq:
            self.batch_id = dentiq.create_batch(name="backlog").id
        self._threads = [threading.Thread(target=self._send) for _ in range(_SENDERS)]

    def start(self) -> None:
        """Begin to fill, and wait until it is full."""
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.waiting() >= self._jobs, 540, what=f"{self._jobs} waiting jobs")

    def stop(self) -> None:
        """Send no more."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def waiting(self) -> int:
        """How many jobs wait now."""
        with Dentiq(self._server) as dentiq:
            return dentiq.batch(self.batch_id).counts["queued"]

    def ended(self) -> int:
        """How many jobs have ended."""
        with Dentiq(self._server) as dentiq:
            return dentiq.batch(self.batch_id).finished

    def _send(self) -> None:
        with Dentiq(self._server) as dentiq:
            while not self._stopped.is_set():
                if dentiq.batch(self.batch_id).counts["queued"] < self._jobs + 2 * _PORTION:
                    dentiq.add_images(self.batch_id, self._files)
                else:
                    self._stopped.wait(0.2)


def measure(stack: LocalStack, *, queued: int, singles: int) -> Measurement:
    """Fill the queue, submit single images, and say how long each took to be seen."""
    image = bench_image()
    load_before = os.getloadavg()[0]
    backlog = Backlog(stack.base_url, jobs=queued)
    waits: list[float] = []
    queue_waits: list[float] = []
    try:
        backlog.start()
        least, ended, began = queued, backlog.ended(), time.monotonic()
        with Dentiq(stack.base_url) as dentiq:
            for number in range(singles):
                started = time.perf_counter()
                job = dentiq.wait(dentiq.submit(image, filename="single.jpg").id)
                waits.append(time.perf_counter() - started)
                if job.status != "succeeded":
                    sys.exit(f"The job {job.id} ended as {job.status}: {job.error_message}")
                queue_waits.append(float(job.raw["timings"]["queue_seconds"]))
                if number % 20 == 0:
                    least = min(least, backlog.waiting())
        rate = (backlog.ended() - ended) / (time.monotonic() - began)
    finally:
        backlog.stop()
    return Measurement(
        singles=singles,
        queued_least=least,
        p50_seconds=statistics.median(waits),
        p95_seconds=percentile(waits, 95),
        p99_seconds=percentile(waits, 99),
        longest_seconds=max(waits),
        queue_p99_seconds=percentile(queue_waits, 99),
        bulk_images_per_second=rate,
        cores=os.cpu_count() or 0,
        load_before=load_before,
        load_after=os.getloadavg()[0],
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Read a percentile off measured values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


@click.command()
@click.option(
    "--queued",
    default=10_000,
    type=click.IntRange(min=1),
    show_default=True,
    help="Bulk jobs that wait at any time, at least.",
)
@click.option(
    "--singles", default=300, type=click.IntRange(min=2), show_default=True, help="Single images, one after the other."
)
def main(queued: int, singles: int) -> None:
    """Measure, print one JSON object and a table; fail if the 99th percentile is above the promise."""
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as folder:
        stack = LocalStack(Path(folder))
        try:
            stack.start()
            measured = measure(stack, queued=queued, singles=singles)
        finally:
            stack.clean_up()
    click.echo(json.dumps({name: round(value, 4) for name, value in asdict(measured).items()}))
    for name, value in asdict(measured).items():
        click.echo(f"  {name:24} {value:10.3f}")
    click.echo(f"p99 {measured.p99_seconds:.3f} s; at most {LIMIT_SECONDS} s is promised.")
    sys.exit(0 if measured.p99_seconds <= LIMIT_SECONDS else 1)


if __name__ == "__main__":
    main()
