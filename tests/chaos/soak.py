"""A platform at steady work: whether memory, file descriptors or Redis keys grow, told with the noise."""

import io
import itertools
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx
import psutil
from PIL import Image

from tests.chaos.stack import ChaosStack

_SAMPLE_SECONDS = 5.0
_SENDERS = 2
_THINKING_SECONDS = 0.05

# What a process takes at its start (threads, caches, the allocator's pools) is no growth: the first part is left out.
_WARM_UP_SHARE = 0.25

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
    def flat(self) -> bool:
        """Whether it does not grow, or by less than what matters."""
        return self.slope <= max(self.noise, _FLAT_SHARE_AN_HOUR * self.mean)


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


def soak(stack: ChaosStack, *, minutes: float, say: Callable[[str], None]) -> tuple[list[Trend], int]:
    """Keep the platform at work; return the trends, and how many jobs went through."""
    stopping = threading.Event()
    done = [0] * _SENDERS
    senders = [
        threading.Thread(target=_work, args=(stack.url, stopping, done, number), daemon=True)
        for number in range(_SENDERS)
    ]
    for sender in senders:
        sender.start()
    started = time.monotonic()
    hours: list[float] = []
    samples: list[dict[str, float]] = []
    while (spent := time.monotonic() - started) < minutes * 60:
        samples.append(_sample(stack))
        hours.append(spent / 3600)
        if len(samples) % 24 == 1:
            say(f"{spent / 60:5.1f} min, {sum(done)} jobs: {_short(samples[-1])}")
        stopping.wait(_SAMPLE_SECONDS)
    stopping.set()
    for sender in senders:
        sender.join()
    first = int(len(samples) * _WARM_UP_SHARE)
    names = samples[-1].keys()
    return [trend(name, hours[first:], [one[name] for one in samples[first:]]) for name in names], sum(done)


def _work(url: str, stopping: threading.Event, done: list[int], number: int) -> None:
    """Submit, wait, look and erase: what is kept would grow, and rightly."""
    buffer = io.BytesIO()
    Image.effect_noise((320, 240), 60).convert("RGB").save(buffer, "JPEG")
    image = buffer.getvalue()
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60) as http:
        while not stopping.wait(_THINKING_SECONDS):
            job = http.post("/jobs", files={"image": ("a.jpg", image, "image/jpeg")}).json()["id"]
            ended = http.get(f"/jobs/{job}", params={"wait": 20}).json()["status"]
            http.get(f"/jobs/{job}/preview")
            http.delete(f"/jobs/{job}")
            done[number] += ended == "succeeded"


def _sample(stack: ChaosStack) -> dict[str, float]:
    taken: dict[str, float] = {}
    for part in ("web", "worker", "beat"):
        memory = files = 0.0
        for pid in (stack.pid(part), *stack.children(part)):
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                memory += process.memory_info().rss
                files += process.num_fds()
        taken[f"{part} memory, MB"] = memory / 1e6
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
