"""How close n workers that take 10 ms an image come to n times one of them, on this machine's Redis and job store.

    python -m tests.scale.throughput 16 64

A worker here is the product's pool process (`worker.process.PoolProcess`: claim, read, answer, finish, heartbeat, chunk
size by time), forked as Celery forks it; its network sleeps 10 ms for each image of a chunk. Only Celery's transport is
left out: it carries one hint a second and process. The images are submitted before: web is no part of the question.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import psutil

import worker.serving
from common.jobs.store import JobStore
from common.manifest import MANIFEST_NAME
from common.messages import WorkHint
from common.model_store import ModelStore
from common.queues import QueueName
from common.redis_client import connect
from common.settings import Settings
from tests.scale.figures import keep
from tests.scale.rig import VERSION, Rig, StandIn
from tests.waiting import wait_until
from worker.process import PoolProcess

IMAGE_SECONDS: Final = 0.01
# Of a run's jobs, the share that is measured: before it chunks grow to their size, after it workers run out of jobs.
_FROM: Final = 0.15
_TO: Final = 0.85
_FORK: Final = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Throughput:
    """What so many workers did.

    Attributes:
        ratio: Of the images that they could do if nothing but the network took time.
        redis_share: Of one core, which is all that Redis can use.
        worker_share: Of one core, all workers together.
        others_share: Of one core, everything else on the machine: above a tenth, the figures are not dentiq's alone.
    """

    workers: int
    jobs_a_second: float
    ratio: float
    redis_share: float
    worker_share: float
    others_share: float


class _NoHints:
    """No Celery: whoever drains, drains again as long as jobs wait."""

    def send(self, queue: QueueName) -> None:
        """Drop a hint."""


def measure(folder: Path, *, workers: int, seconds: float) -> Throughput:
    """Let so many workers work for about so long, in an empty folder."""
    jobs = round(workers * seconds / IMAGE_SECONDS)
    with closing(Rig(folder)) as rig:
        _serve_the_stand_in(rig.settings)
        batch_id = rig.make_batch()
        rig.submit(batch_id, jobs)
        pool = Pool(rig.settings, workers)
        try:
            pool.start()
            began, before = _when_ended(rig, batch_id, _FROM * jobs), _used(rig, pool)
            ended, after = _when_ended(rig, batch_id, _TO * jobs), _used(rig, pool)
        finally:
            pool.end()
    (first, began_at), (last, ended_at) = began, ended
    elapsed = ended_at - began_at
    speed = (last - first) / elapsed
    shares = {name: (after[name] - before[name]) / elapsed for name in after}
    ratio = speed * IMAGE_SECONDS / workers
    others = shares["machine"] - shares["redis"] - shares["workers"]
    return Throughput(workers, speed, ratio, shares["redis"], shares["workers"], others)


class Pool:
    """Pool processes without Celery, forked once everything is imported, as prefork does."""

    def __init__(self, settings: Settings, workers: int) -> None:
        # Made before the fork, as worker.celery_app does.
        process = PoolProcess(settings, _NoHints())  # type: ignore[arg-type]  # it stands in for Celery's
        together = _FORK.Barrier(workers + 1)
        self._together = together
        self._processor_seconds = _FORK.Array("d", workers)
        self._members = [
            _FORK.Process(
                target=_work, args=(process, settings, together, self._processor_seconds, number), daemon=True
            )
            for number in range(workers)
        ]

    def start(self) -> None:
        """Start all; return when each holds its model."""
        for member in self._members:
            member.start()
        self._together.wait(timeout=60)

    def processor_seconds(self) -> float:
        """Processor time of all of them so far."""
        return float(sum(self._processor_seconds))

    def end(self) -> None:
        """Wait until nothing waits any more, or end them."""
        for member in self._members:
            member.join(timeout=20)
            member.kill()
            member.join()


def _work(process: PoolProcess, settings: Settings, together: Any, used: Any, number: int) -> None:
    process.start()
    store = JobStore(connect(settings.effective_job_store_url, timeout_seconds=5, max_connections=1))
    together.wait(timeout=60)
    while store.depth(QueueName.BULK):
        process.drain(WorkHint(QueueName.BULK))
        used[number] = time.process_time()
    process.stop()


def _serve_the_stand_in(settings: Settings) -> None:
    (settings.model_store_dir / VERSION).mkdir(parents=True)
    (settings.model_store_dir / VERSION / MANIFEST_NAME).touch()
    ModelStore(settings.model_store_dir).set_current(VERSION)

    def load(*_: Any, **__: Any) -> StandIn:
        return StandIn(image_seconds=IMAGE_SECONDS)

    worker.serving.load_predictor = load  # type: ignore[assignment]


def _when_ended(rig: Rig, batch_id: str, jobs: float) -> tuple[int, float]:
    """Wait until so many jobs have ended; give how many have, and when."""

    def enough() -> tuple[int, float] | None:
        ended = rig.services.batches.get(batch_id).ended
        return (ended, time.perf_counter()) if ended >= jobs else None

    found = wait_until(enough, 300, what="the workers")
    assert found
    return found


def _used(rig: Rig, pool: Pool) -> Mapping[str, float]:
    idle = ("idle", "iowait", "guest", "guest_nice")
    machine = sum(seconds for kind, seconds in psutil.cpu_times()._asdict().items() if kind not in idle)
    return {"redis": rig.redis_seconds(), "workers": pool.processor_seconds(), "machine": machine}


@click.command()
@click.argument("workers", nargs=-1, type=int)
@click.option("--seconds", default=8.0, show_default=True, help="Length of each run, were the workers ideal.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("var/scale/throughput.json"), show_default=True)
def main(workers: tuple[int, ...], seconds: float, out: Path) -> None:
    """Measure each number of WORKERS and print."""
    found = []
    for count in workers or (1, 4, 16, 64):
        with tempfile.TemporaryDirectory(prefix="dentiq-scale-") as name:
            found.append(measure(Path(name) / "run", workers=count, seconds=seconds))
        one = found[-1]
        click.echo(
            f"{count:3} workers: {one.jobs_a_second:6.0f} images/s, {one.ratio:.3f} of ideal; "
            f"Redis {one.redis_share:.0%} of a core, workers {one.worker_share:.0%}, others {one.others_share:.0%}"
        )
    keep(found, out)


if __name__ == "__main__":
    main()
