"""The platform under test: the parts, supervisor and Redis of `make run`, with a link between each part and Redis."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import redis

from common.manifest import MANIFEST_NAME
from common.model_store import ModelStore
from common.settings import Settings
from infra.local.part import Part
from infra.local.processes import find_leftovers, read_record, stop_processes
from infra.local.stack import Stack, lay_out, plan_stack, start_supervisor
from tests.chaos.link import Link
from tests.chaos.reference import DAMAGED_VERSION, SECONDS_PER_IMAGE_VARIABLE, VERSIONS
from tests.chaos.room import Room
from tests.fixtures.redis import free_port
from tests.fixtures.stack import ROOT
from tests.waiting import wait_until

PARTS = ("redis", "worker", "beat", "web")
_BEHIND_LINK = {"web": "web", "worker": "worker", "beat": "worker"}

# Two seconds on an idle machine; a minute was seen where thirty programs wanted two cores.
_UP_SECONDS = 180

# A short lease and short waits make a cycle of seconds; what they are does not change what may happen.
LEASE_SECONDS = 2.0
REDIS_SECONDS = 2.0
MAX_ATTEMPTS = 3
_QUICK = {
    "DENTIQ_LEASE_SECONDS": str(LEASE_SECONDS),
    "DENTIQ_SWEEP_INTERVAL_SECONDS": "0.5",
    "DENTIQ_RETRY_BACKOFF_SECONDS": "0.5",
    "DENTIQ_REDIS_TIMEOUT_SECONDS": str(REDIS_SECONDS),
}


class ChaosStack:
    """Start, hurt and look at one platform in a folder of its own.

    Args:
        stand_in: Whether the network is the stand-in; else the model of the repository serves.
        quick: Whether leases and time limits are those of the campaign; else those that dentiq comes with.
        seconds_per_image: What the stand-in takes.
    """

    def __init__(self, *, stand_in: bool = True, quick: bool = True, seconds_per_image: float = 0.01) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dentiq-chaos-"))
        self.port, self.redis_port = free_port(), free_port()
        self.links = {name: Link(free_port(), self.redis_port) for name in ("web", "worker")}
        self.room = Room(self.folder / "storage")
        self.models = _model_store(self.folder / "models") if stand_in else ModelStore(ROOT / "model_store")
        variables = self._variables(quick=quick)
        self._environ = {
            name: value for name, value in os.environ.items() if name != "PORT" and not name.startswith("DENTIQ_")
        } | {**variables, SECONDS_PER_IMAGE_VARIABLE: str(seconds_per_image)}
        self._stack = self._plan(Settings.from_env(variables), stand_in=stand_in)
        self._supervisor: subprocess.Popen[bytes] | None = None
        # The kernel ends the supervisor with the thread that started it, not with its process: one thread for good.
        self._starter = ThreadPoolExecutor(1)
        # The campaign's own eyes: past every link.
        self.jobs = self._look(1)
        self.broker = self._look(0)

    @property
    def url(self) -> str:
        """Address of web, without the slash."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        lay_out(self._stack)
        self._start_supervisor()
        for name in PARTS:
            self.await_up(name)

    def crash(self) -> None:
        """End every process at once, the supervisor first, as when a machine loses its power; then start again."""
        assert self._supervisor is not None
        self._supervisor.kill()
        self._supervisor.wait()
        kill(find_leftovers(self.folder))
        wait_until(lambda: not find_leftovers(self.folder), 20, what="the end of every process")
        self._start_supervisor()

    def _start_supervisor(self) -> None:
        self._supervisor = self._starter.submit(start_supervisor, self._stack, self._environ).result()

    def close(self) -> None:
        """Stop everything and leave nothing."""
        self.jobs.close()
        self.broker.close()
        if self._supervisor is not None:
            self._supervisor.kill()
            self._supervisor.wait()
        stop_processes(find_leftovers(self.folder), grace_seconds=0.5)
        self._starter.shutdown()
        for link in self.links.values():
            link.close()
        self.room.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pid(self, part: str) -> int:
        """Process number of a part; 0 while it has none that lives."""
        record = read_record(self.folder / "run" / "parts" / f"{part}.json")
        return record.pid if record is not None and record.alive else 0

    def children(self, part: str) -> list[int]:
        """Process numbers of a part's own processes: gunicorn's workers, Celery's pool."""
        pid = self.pid(part)
        with suppress(psutil.NoSuchProcess):
            return sorted(child.pid for child in psutil.Process(pid).children()) if pid else []
        return []

    def await_up(self, part: str) -> None:
        """Wait until a part does its work."""
        look = {"redis": self._redis_up, "web": self._web_up, "worker": self._worker_up}
        wait_until(look.get(part, lambda: self.pid(part)), _UP_SECONDS, what=f"{part} at work")

    def log_tail(self, part: str, *, lines: int = 40) -> str:
        """Last lines of a part's log."""
        with suppress(OSError):
            text = (self.folder / "log" / f"{part}.log").read_text(encoding="utf-8", errors="replace")
            return "\n".join(text.splitlines()[-lines:])
        return ""

    def _redis_up(self) -> bool:
        try:
            return bool(self.jobs.ping())
        except redis.RedisError:
            return False

    def _web_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=3).status_code == 200
        except httpx.TransportError:
            return False

    def _worker_up(self) -> bool:
        """Whether a process of the worker that runs now, not of one before it, is on the register."""
        own = {str(pid) for pid in self.children("worker")}
        try:
            return any(key.rpartition(":")[2] in own for key in self.jobs.scan_iter("dentiq:worker:*", count=1000))
        except redis.RedisError:
            return False

    def _look(self, database: int) -> redis.Redis:
        return redis.Redis(port=self.redis_port, db=database, decode_responses=True, socket_timeout=10)

    def _variables(self, *, quick: bool) -> dict[str, str]:
        return {
            "PORT": str(self.port),
            "DENTIQ_DATA_DIR": str(self.folder),
            "DENTIQ_MODEL_STORE_DIR": str(self.models.root),
            "DENTIQ_LOCAL_REDIS_PORT": str(self.redis_port),
            "DENTIQ_WORKER_METRICS_PORT": "0",
            "DENTIQ_WORKER_PROCESSES": "2",
            "DENTIQ_WEB_THREADS": "8",
            # A kill takes nothing that the kernel has; only a power cut would, and there is none here.
            "DENTIQ_STORAGE_FSYNC": "false",
        } | (_QUICK if quick else {})

    def _plan(self, settings: Settings, *, stand_in: bool) -> Stack:
        whole = plan_stack(settings, working_folder=ROOT)
        parts = [self._behind_link(part, stand_in=stand_in) for part in whole.parts if part.name in PARTS]
        return replace(whole, parts=tuple(parts))

    def _behind_link(self, part: Part, *, stand_in: bool) -> Part:
        if part.name not in _BEHIND_LINK:
            return part
        url = f"redis://127.0.0.1:{self.links[_BEHIND_LINK[part.name]].port}/0"
        app = "tests.chaos.stand_in:app" if stand_in and part.name == "worker" else "worker.app:app"
        command = tuple(app if word == "worker.app:app" else word for word in part.command)
        return replace(part, command=command, environment={**part.environment, "DENTIQ_REDIS_URL": url})


def kill(pids: Iterable[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to processes; those that are gone are left alone."""
    for pid in pids:
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _model_store(root: Path) -> ModelStore:
    """Make a store of versions that only the stand-in can load."""
    for version in (*VERSIONS, DAMAGED_VERSION):
        (root / version).mkdir(parents=True)
        (root / version / MANIFEST_NAME).touch()
    store = ModelStore(root)
    store.set_current(VERSIONS[0])
    return store
