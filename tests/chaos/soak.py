"""A platform at steady work: whether memory, file descriptors or Redis keys grow, told with the noise."""

import io
import itertools
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass

import httpx
import psutil
from PIL import Image

from tests.chaos.stack import ChaosStack

_SAMPLE_SECONDS = 5.0
_SENDERS = 2
_THINKING_SECONDS = 0.05

# More at once than the steady work has: what a process takes for its highest load (threads, caches, the allocator's
# pools) is no growth, and comes before the samples begin.
_WARM_UP_SENDERS = 8
_WARM_UP_STEP_SECONDS = 30.0

# What the warm-up left has ended by then: the tokens of its claims (60 s), Celery's timers of its tasks (120 s).
_SETTLING_SECONDS = 150.0

# Growth that matters: what an hour adds to the mean.
_FLAT_SHARE_AN_HOUR = 0.02


@dataclass(frozen=True)
class Trend:
    """A straight line through samples.

    Attributes:
        mean: Of the samples.
        slope: Growth in an hour.
        noise: Half of the interval that holds the slope 95 times of 100, an hour.
    """

    name: str
    mean: float
    slope: float
    noise: float

    @property
    def within_noise(self) -> bool:
        """Whether no growth can be told from the noise."""
        return self.slope <= self.noise

    @property
    def flat(self) -> bool:
        """Whether it does not grow, or by less than what matters."""
        return self.within_noise or self.slope <= _FLAT_SHARE_AN_HOUR * self.mean


def trend(name: str, hours: Sequence[float], values: Sequence[float]) -> Trend:
    """Fit a line by least squares; neighbouring samples count as independent only as far as they are.

    The noise uses the effective number of samples, n (1 - r) / (1 + r), with the residuals' correlation r of one step.
    """
    count = len(values)
    middle, mean = sum(hours) / count, sum(values) / count
    spread = sum((hour - middle) ** 2 for hour in hours)
    slope = sum((h - middle) * (v - mean) for h, v in zip(hours, values, strict=True)) / spread
    rests = [v - mean - slope * (h - middle) for h, v in zip(hours, values, strict=True)]
    power = sum(one * one for one in rests)
    if not power:
        return Trend(name, mean, slope, 0.0)
    correlation = max(0.0, min(0.98, sum(a * b for a, b in itertools.pairwise(rests)) / power))
    effective = max(3.0, count * (1 - correlation) / (1 + correlation))
    noise = 2 * math.sqrt(power / (effective - 2) / spread)
    return Trend(name, mean, slope, noise)


def soak(
    stack: ChaosStack, *, minutes: float, warm_up_jobs: int, say: Callable[[str], None]
) -> tuple[list[Trend], int]:
    """Bring the platform to its highest load, then keep it at steady work.

    Returns:
        The trends of the steady part, and how many jobs went through in it.
    """
    with _Senders(stack.url, _WARM_UP_SENDERS, thinking_seconds=0.0) as warming:
        while warming.done() < warm_up_jobs:
            say(f"warming up, {warming.done()} of {warm_up_jobs} jobs: {_short(_sample(stack))}")
            warming.work_for(_WARM_UP_STEP_SECONDS)
    hours: list[float] = []
    samples: list[dict[str, float]] = []
    with _Senders(stack.url, _SENDERS, thinking_seconds=_THINKING_SECONDS) as steady:
        steady.work_for(_SETTLING_SECONDS)
        started = time.monotonic()
        while (spent := time.monotonic() - started) < minutes * 60:
            samples.append(_sample(stack))
            hours.append(spent / 3600)
            if len(samples) % 24 == 1:
                say(f"{spent / 60:5.1f} min, {steady.done()} jobs: {_short(samples[-1])}")
            steady.work_for(_SAMPLE_SECONDS)
    return [trend(name, hours, [one[name] for one in samples]) for name in samples[-1]], steady.done()


class _Senders:
    """Clients at work until the block ends; the first that fails ends the soak, which would be flat without it."""

    def __init__(self, url: str, count: int, *, thinking_seconds: float) -> None:
        self._url = url
        self._thinking_seconds = thinking_seconds
        self._stopping = threading.Event()
        self._done = [0] * count
        self._threads = ThreadPoolExecutor(count)
        self._running = [self._threads.submit(self._work, number) for number in range(count)]

    def __enter__(self) -> "_Senders":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopping.set()
        self._threads.shutdown()

    def done(self) -> int:
        """Jobs that succeeded."""
        return sum(self._done)

    def work_for(self, seconds: float) -> None:
        """Let them work.

        Raises:
            Exception: What a sender met.
        """
        for ended in wait(self._running, timeout=seconds, return_when=FIRST_EXCEPTION).done:
            ended.result()

    def _work(self, number: int) -> None:
        """Submit, wait, look and erase: what is kept would grow, and rightly."""
        buffer = io.BytesIO()
        Image.effect_noise((320, 240), 60).convert("RGB").save(buffer, "JPEG")
        image = buffer.getvalue()
        with httpx.Client(base_url=f"{self._url}/api/v1", timeout=60) as http:
            while not self._stopping.wait(self._thinking_seconds):
                job = http.post("/jobs", files={"image": ("a.jpg", image, "image/jpeg")}).json()["id"]
                ended = http.get(f"/jobs/{job}", params={"wait": 20}).json()["status"]
                http.get(f"/jobs/{job}/preview")
                http.delete(f"/jobs/{job}")
                self._done[number] += ended == "succeeded"


def _sample(stack: ChaosStack) -> dict[str, float]:
    taken: dict[str, float] = {}
    for part in ("web", "worker", "beat"):
        memory = mapped = files = 0.0
        for pid in (stack.pid(part), *stack.children(part)):
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                memory += process.memory_info().rss
                mapped += process.memory_info().shared
                files += process.num_fds()
        taken[f"{part} memory, MB"] = memory / 1e6
        # Pages of libraries and shared counters: the system maps them as it sees fit, often 2 MB at once.
        taken[f"{part} without files, MB"] = (memory - mapped) / 1e6
        taken[f"{part} file descriptors"] = files
    information = stack.jobs.info()
    taken["Redis memory, MB"] = (information["used_memory"] - _kept_for_retention(stack)) / 1e6
    taken["Redis keys"] = float(stack.jobs.dbsize() + stack.broker.dbsize())
    taken["Redis clients"] = float(information["connected_clients"])
    taken["stored files"] = float(len(stack.room.files()))
    return taken


def _kept_for_retention(stack: ChaosStack) -> int:
    """Bytes of the lists of ids by hour: 26 for each job, erased or not, for as many days as retention has."""
    lists = stack.jobs.scan_iter("dentiq:hour:*", count=1000)
    return sum(int(stack.jobs.memory_usage(key, samples=0) or 0) for key in lists)


def _short(sample: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.0f}" for name, value in sample.items())
