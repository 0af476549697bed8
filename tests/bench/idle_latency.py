"""Measures the idle latency: one image at a time, from the submission to the result in the client's hands.

    make bench

It starts a platform of its own, so nothing else should compute meanwhile; the load of the machine is printed. The
overhead is what the way through web, queue and worker adds to the bare inference (decoding counts as overhead).
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from client import Dentiq, Job
from tests.fixtures.images import REAL_PHOTOS, encode_image
from tests.fixtures.stack import LocalStack

MEDIAN_BAR_MS = 10.0
P99_BAR_MS = 30.0
WARM_UP_JOBS = 20
SHORT_POLL_SECONDS = 0.02

Follow = Callable[[Dentiq, str], Job]


@dataclass(frozen=True)
class Sample:
    """One job: what the client waited, and what the network and the decoder took of it, in milliseconds."""

    seen_ms: float
    decode_ms: float
    inference_ms: float

    @property
    def overhead_ms(self) -> float:
        """All but the bare inference."""
        return self.seen_ms - self.inference_ms


def long_poll(dentiq: Dentiq, job_id: str) -> Job:
    """Ask once, and let the server hold the question."""
    return dentiq.wait(job_id)


def short_poll(dentiq: Dentiq, job_id: str) -> Job:
    """Ask every 20 ms, as a simple script does."""
    while not (job := dentiq.job(job_id)).finished:
        time.sleep(SHORT_POLL_SECONDS)
    return job


def measure(dentiq: Dentiq, image: bytes, follow: Follow, *, jobs: int) -> list[Sample]:
    """Submit one image after the other and follow each to its result."""
    samples = []
    for _ in range(jobs):
        started = time.perf_counter()
        job = follow(dentiq, dentiq.submit(image, filename="bench.jpg").id)
        seen = time.perf_counter() - started
        if job.status != "succeeded":
            sys.exit(f"The job {job.id} ended as {job.status}: {job.error_message}")
        timings = job.raw["timings"]
        samples.append(Sample(1e3 * seen, 1e3 * timings["decode_seconds"], 1e3 * timings["inference_seconds"]))
    return samples


def describe(name: str, samples: Sequence[Sample]) -> str:
    """Write one row a quantity, with the median and the 99th percentile."""
    rows = {
        "seen by the client": [sample.seen_ms for sample in samples],
        "decoding": [sample.decode_ms for sample in samples],
        "bare inference": [sample.inference_ms for sample in samples],
        "overhead": [sample.overhead_ms for sample in samples],
    }
    lines = [f"{name}, {len(samples)} jobs:"]
    for label, values in rows.items():
        p99 = statistics.quantiles(values, n=100)[98]
        lines.append(f"  {label:20} p50 {statistics.median(values):7.1f} ms   p99 {p99:7.1f} ms")
    return "\n".join(lines)


def bench_image() -> bytes:
    """A photograph of the data set where there is one, else a synthetic picture of the usual size."""
    photo = next(iter(sorted((REAL_PHOTOS / "caries").glob("*.jpg"))), None)
    return photo.read_bytes() if photo else encode_image(width=612, height=408)


@click.command()
@click.option(
    "--jobs", default=200, type=click.IntRange(min=2), show_default=True, help="Jobs for each way of polling."
)
def main(jobs: int) -> None:
    """Measure with a long poll and with short polls; exit with 1 if the long poll misses a bar."""
    image = bench_image()
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as folder:
        stack = LocalStack(Path(folder))
        try:
            stack.start()
            with Dentiq(stack.base_url) as dentiq:
                measure(dentiq, image, long_poll, jobs=WARM_UP_JOBS)
                held = measure(dentiq, image, long_poll, jobs=jobs)
                asked = measure(dentiq, image, short_poll, jobs=jobs)
        finally:
            stack.clean_up()
    click.echo(f"{len(image)} bytes, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    click.echo(describe("Long poll (?wait=20)", held))
    click.echo(describe(f"Short polls every {1e3 * SHORT_POLL_SECONDS:.0f} ms", asked))
    overheads = [sample.overhead_ms for sample in held]
    median, p99 = statistics.median(overheads), statistics.quantiles(overheads, n=100)[98]
    for name, found, bar in (("Median", median, MEDIAN_BAR_MS), ("99th percentile of the", p99, P99_BAR_MS)):
        click.echo(f"{name} overhead {found:.1f} ms, bar {bar:.0f} ms: {'met' if found <= bar else 'MISSED'}.")
    sys.exit(0 if median <= MEDIAN_BAR_MS and p99 <= P99_BAR_MS else 1)


if __name__ == "__main__":
    main()
