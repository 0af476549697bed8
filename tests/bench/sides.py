"""The sides of the comparison: each is started for its turn, warmed up, measured once, and ended."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import psutil

from common.jobs.store import JobStore
from common.redis_client import connect
from tests.bench.pictures import make
from tests.fixtures.stack import ROOT, LocalStack
from tests.waiting import wait_until

# Enough that each process of a side has computed and holds what it will hold.
WARM_UP_IMAGES = 48
_LONGEST_SECONDS = 900


@dataclass(frozen=True)
class Turn:
    """One measured run over a folder.

    Attributes:
        images: How many were classified.
        seconds: From the first request to the last stored (or answered) result.
        cpu_seconds: Processor time of every process of the side, the sender included. Unlike the seconds it does not
            depend on what else the machine does.
        parts: The same by part.
    """

    images: int
    seconds: float
    cpu_seconds: float
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def images_per_second(self) -> float:
        """The speed."""
        return self.images / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor time an image, in milliseconds."""
        return 1e3 * self.cpu_seconds / self.images


class Side(Protocol):
    """Something that classifies a folder."""

    name: str

    def turn(self, folder: Path) -> Turn:
        """Start, warm up, classify the folder once, end."""
        ...


def run_script(*arguments: str, python: str = sys.executable, environment: dict[str, str] | None = None) -> Any:
    """Run a script of the bench to its end and read the JSON that it prints last."""
    answer = subprocess.run(
        [python, *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {answer.returncode}: {answer.stderr[-2000:]}")
    return json.loads(answer.stdout.strip().splitlines()[-1])


def processor_seconds(pids: Sequence[int]) -> float:
    """Processor time of processes and all their children so far."""
    total = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(pid)
            for member in (parent, *parent.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    total += sum(member.cpu_times()[:2])
    return total


@dataclass(frozen=True)
class BareLoop:
    """Decode, preprocess and network on all cores, without queue and HTTP."""

    name: str = "bare loop"
    runtime: str = "onnx"

    def turn(self, folder: Path) -> Turn:
        """Run it once."""
        told = run_script("-m", "tests.bench.bare_loop", str(folder), self.runtime)
        return Turn(told["images"], told["seconds"], told["cpu_seconds"])


@dataclass(frozen=True)
class GpuLoop:
    """The same on a GPU: decode on all cores, network in passes of many."""

    name: str = "bare GPU loop"

    def turn(self, folder: Path) -> Turn:
        """Run it once."""
        told = run_script("-m", "tests.bench.gpu_loop", str(folder))
        return Turn(told["images"], told["seconds"], told["cpu_seconds"])


PARTS = ("web", "worker", "redis", "beat", "flower", "exporter", "prometheus", "node-exporter", "redis-exporter")


@dataclass(frozen=True)
class Platform:
    """dentiq as `make run` starts it, everything on."""

    name: str
    send: Callable[[LocalStack, Path, Path], dict[str, float]]
    settings: dict[str, str] = field(default_factory=dict)

    def turn(self, folder: Path) -> Turn:
        """Start the platform, send the folder, wait for the last stored result, end it."""
        with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as name:
            stack = LocalStack(Path(name) / "var", settings=self.settings)
            try:
                stack.start()
                wait_until(lambda: _observed(stack), 60, what="Flower")
                self.send(stack, make(Path(name) / "warm-up", "photographs", WARM_UP_IMAGES), Path(name) / "w")
                before = self.cpu_by_part(stack)
                told = self.send(stack, folder, Path(name) / "t")
                after = self.cpu_by_part(stack)
            finally:
                stack.clean_up()
        parts = {part: after[part] - before[part] for part in after} | {"client": told["client_cpu_seconds"]}
        return Turn(int(told["images"]), told["seconds"], sum(parts.values()), parts)

    def cpu_by_part(self, stack: LocalStack) -> dict[str, float]:
        """Processor time of each part so far."""
        found = {}
        for part in PARTS:
            with suppress(FileNotFoundError):
                found[part] = processor_seconds([stack.part_pid(part)])
        return found


def send_folder(stack: LocalStack, folder: Path, out: Path) -> dict[str, float]:
    """Send a folder as `dentiq batch` does."""
    told: dict[str, float] = run_script(
        "-m", "tests.bench.send_folder", stack.base_url, str(folder), str(out.with_suffix(".csv"))
    )
    return told


def send_singles(stack: LocalStack, folder: Path, out: Path, *, awaits: bool = False) -> dict[str, float]:
    """Send a request an image from sixteen clients; the end is the last stored result."""
    del out
    url = f"{stack.base_url}/api/v1/jobs"
    with connect(f"redis://127.0.0.1:{stack.redis_port}/1", timeout_seconds=5, max_connections=2) as client:
        store = JobStore(client)
        target = _ended(store) + len(list(folder.iterdir()))
        script = ("-m", "tests.bench.send_singles", url, "image", str(folder), *(["await"] if awaits else []))
        told: dict[str, float] = run_script(*script)
        wait_until(lambda: _ended(store) >= target, _LONGEST_SECONDS, what="the last result")
        latest = max(job.finished_at.timestamp() for job in _latest(store, client) if job.finished_at)
    return told | {"seconds": latest - told["began"]}


def _observed(stack: LocalStack) -> bool:
    """Whether the last part to come up is there: Flower's start takes most of a second of a processor."""
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{stack.flower_port}/", timeout=5).status_code > 0
    return False


def _ended(store: JobStore) -> int:
    counts = store.counts()
    return counts.get("succeeded", 0) + counts.get("failed", 0)


def _latest(store: JobStore, client: Any) -> list[Any]:
    ids = [key.rpartition(":")[2] for key in client.scan_iter("dentiq:job:*", count=1000)]
    return [job for job in store.read_many(ids) if job is not None]


def awaited_singles(stack: LocalStack, folder: Path, out: Path) -> dict[str, float]:
    """The same, each client waiting for its result before it sends the next image."""
    return send_singles(stack, folder, out, awaits=True)
