"""Fill the queue with a million jobs, work them off, and tell whether a job costs what the first ones cost.

    python -m tests.scale.million --jobs 1000000

The product's own code accepts the images (tiny ones), stores them, claims and finishes; the network is a stand-in. The
first 10,000 jobs, a batch of their own, are what everything after is compared with.
"""

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
import httpx
import psutil

from tests.scale.rig import PORTION, Rig, Used
from tests.web_server import WebServer

WINDOW: Final = 10_000
# What is there once, however many jobs come: scripts, connections, the first of every key.
_WARM_UP: Final = 4 * PORTION
_READS: Final = 101
_LOOK_SECONDS: Final = 0.05

Say = Callable[[str], None]


@dataclass(frozen=True)
class Reading:
    """What a batch costs its readers, over HTTP.

    Attributes:
        status_ms: Median time to read its status.
        status_p90_ms: Nine of ten reads are quicker.
        rows: Rows of its CSV, without the heading.
        row_us: Time a row.
        peak_mb: Most resident memory of the web process while it sent the CSV.
    """

    status_ms: float
    status_p90_ms: float
    rows: int
    row_us: float
    peak_mb: float


@dataclass(frozen=True)
class Turn:
    """A window of the jobs, and right after it the first jobs of an empty store: one machine, one moment."""

    here: Used
    empty: Used

    @property
    def ratio(self) -> float:
        """Processor time of Redis and of this process a job, in times of what a first job takes."""
        return self.here.job_seconds / self.empty.job_seconds


@dataclass(frozen=True)
class Costs:
    """What the jobs of one batch cost: Redis's memory, and each window of them to submit and to work off."""

    redis_bytes_a_job: float
    submitted: list[Turn]
    worked: list[Turn]
    reading: Reading


@dataclass(frozen=True)
class Report:
    """The first jobs and all that came after."""

    first: Costs
    rest: Costs

    def ratios(self) -> dict[str, float]:
        """What a job costs in times of what the first ones cost: the median window, and that of the last tenth."""
        first, rest = self.first, self.rest
        return {
            "Redis bytes a job": rest.redis_bytes_a_job / first.redis_bytes_a_job,
            "processor time to submit a job": _median(rest.submitted),
            "processor time to submit a job of the last tenth": _median(_last(rest.submitted)),
            "processor time to work a job off": _median(rest.worked),
            "processor time to work a job of the last tenth off": _median(_last(rest.worked)),
            "peak memory of web while the CSV goes out": rest.reading.peak_mb / first.reading.peak_mb,
        }

    def lines(self) -> Iterator[str]:
        """Write it for people."""
        for name, costs in (("first", self.first), ("rest", self.rest)):
            read = costs.reading
            yield f"{name}: {read.rows:,} jobs, {costs.redis_bytes_a_job:.0f} bytes of Redis a job"
            yield f"  submit {_speed(costs.submitted)}"
            yield f"  work   {_speed(costs.worked)}"
            yield f"  status {read.status_ms:.1f} ms, p90 {read.status_p90_ms:.1f} ms"
            yield f"  CSV    {read.row_us:.0f} us a row, peak memory of web {read.peak_mb:.0f} MB"
        yield from (f"  {ratio:5.2f}  {name}" for name, ratio in self.ratios().items())


def measure(folder: Path, *, jobs: int, window: int = WINDOW, say: Say = lambda _: None) -> Report:
    """Run it in an empty folder; the first `window` jobs come in addition."""
    with closing(Rig(folder / "here")) as rig, closing(Rig(folder / "empty")) as empty, _web(rig) as web:
        for side in (rig, empty):
            side.submit(side.make_batch(), _WARM_UP)
            side.work(_WARM_UP)
        first = _costs(rig, empty, web, jobs=window, window=window // 4, say=say)
        rest = _costs(rig, empty, web, jobs=jobs, window=window, say=say)
        counts = rig.store.counts()
        assert counts["submitted"] == counts["succeeded"] == _WARM_UP + window + jobs
    return Report(first, rest)


def _costs(rig: Rig, empty: Rig, web: WebServer, *, jobs: int, window: int, say: Say) -> Costs:
    """Submit all jobs of a batch, then work all of them off: the last is submitted with all others waiting."""
    before = rig.memory()
    batch_id = rig.make_batch()
    windows = [min(window, jobs - first) for first in range(0, jobs, window)]
    submitted, worked = [], []
    for count in windows:
        here = rig.submit(batch_id, count)
        submitted.append(Turn(here, _refilled(empty, count)))
        say(_told("submitted", submitted))
    for count in windows:
        here = rig.work(count)
        _refilled(empty, count)
        worked.append(Turn(here, empty.work(_share(count))))
        say(_told("worked off", worked))
    return Costs((rig.memory() - before) / jobs, submitted, worked, _read(web, batch_id))


def _refilled(empty: Rig, count: int) -> Used:
    empty.empty()
    batch_id = empty.make_batch()
    # Not measured: connections that rested, and what Redis tidies up after it was emptied.
    empty.submit(batch_id, _WARM_UP)
    empty.work(_WARM_UP)
    return empty.submit(batch_id, _share(count))


def _share(count: int) -> int:
    # A quarter says as much of the machine's moment, and whole portions cost as whole portions do.
    return max(PORTION, count // 4 // PORTION * PORTION)


def _told(verb: str, turns: Sequence[Turn]) -> str:
    here = turns[-1].here
    done = sum(turn.here.jobs for turn in turns)
    return (
        f"{done:>9,} {verb}: {1e6 * here.job_seconds:.0f} us of processor a job, {turns[-1].ratio:.2f} of a first one"
    )


def _speed(turns: Sequence[Turn]) -> str:
    here = [turn.here for turn in turns]
    jobs = sum(used.jobs for used in here)
    redis = 1e6 * sum(used.redis_seconds for used in here) / jobs
    own = 1e6 * sum(used.own_seconds for used in here) / jobs
    speed = jobs / sum(used.seconds for used in here)
    return f"{redis + own:.0f} us of processor a job, {redis:.0f} of it Redis; {speed:.0f}/s"


def _read(web: WebServer, batch_id: str) -> Reading:
    times, url = [], f"{web.url}/api/v1/batches/{batch_id}"
    with httpx.Client(timeout=60) as client:
        for _ in range(_READS):
            began = time.perf_counter()
            client.get(url).raise_for_status()
            times.append(1e3 * (time.perf_counter() - began))
        rows, began = -1, time.perf_counter()
        with _watched(web) as peak, client.stream("GET", f"{url}/results.csv") as answer:
            for part in answer.iter_bytes():
                rows += part.count(b"\r\n")
        seconds = time.perf_counter() - began
    ranked = sorted(times)
    return Reading(ranked[_READS // 2], ranked[_READS * 9 // 10], rows, 1e6 * seconds / rows, max(peak) / 1e6)


@contextmanager
def _watched(web: WebServer) -> Iterator[list[int]]:
    """Note the resident memory of the web process again and again while the block runs."""
    assert web.process is not None
    (process,) = psutil.Process(web.process.pid).children()
    seen, stop = [process.memory_info().rss], threading.Event()

    def look() -> None:
        while not stop.wait(_LOOK_SECONDS):
            seen.append(process.memory_info().rss)

    thread = threading.Thread(target=look, name="memory")
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@contextmanager
def _web(rig: Rig) -> Iterator[WebServer]:
    web = WebServer(rig.settings.model_copy(update={"web_processes": 1}))
    try:
        web.start()
        yield web
    finally:
        web.stop()


def _median(turns: Sequence[Turn]) -> float:
    return statistics.median(turn.ratio for turn in turns)


def _last(turns: Sequence[Turn]) -> Sequence[Turn]:
    return turns[-max(1, len(turns) // 10) :]


@click.command()
@click.option("--jobs", default=1_000_000, show_default=True, help="Jobs after the first 10,000.")
@click.option("--first", default=WINDOW, show_default=True, help="Jobs to compare with; as many make a window.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where images and Redis's file lie.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("var/scale/million.json"), show_default=True)
def main(jobs: int, first: int, folder: Path | None, out: Path) -> None:
    """Measure and print; every window goes to --out as JSON."""
    with tempfile.TemporaryDirectory(prefix="dentiq-scale-", dir=folder) as name:
        report = measure(Path(name) / "run", jobs=jobs, window=first, say=click.echo)
        # Before a million files are taken away, which takes minutes.
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(asdict(report) | {"ratios": report.ratios()}, indent=2) + "\n", encoding="utf-8")
        click.echo("\n".join(report.lines()))


if __name__ == "__main__":
    main()
