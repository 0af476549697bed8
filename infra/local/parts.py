"""What the local stack consists of: each part's command, environment, port and place in the order of stopping."""

import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from common.queues import CONSUMED_QUEUES
from common.settings import Settings
from infra.local.observers import ObserverPrograms, observer_parts
from infra.local.part import OBSERVER, Listener, Part

_CELERY = ("-m", "celery", "-A", "worker.app:app")
_EXPORTER_ENTRY = "from src.cli import cli; cli(auto_envvar_prefix='CE')"


@dataclass(frozen=True)
class Programs:
    """Programs outside of this Python environment.

    Attributes:
        redis_server: The Redis to start; None where `DENTIQ_REDIS_URL` names a running one.
        exporter_python: Python of celery-exporter's environment; None where that is missing.
        observers: Prometheus and the exporters of Redis and the machine, where they are installed.
    """

    redis_server: Path | None
    exporter_python: Path | None
    observers: ObserverPrograms = field(default_factory=ObserverPrograms)


def stack_parts(settings: Settings, *, programs: Programs, cores: int, on_gpu: bool = False) -> list[Part]:
    """List the parts in the order of starting, which is the reverse of the order of stopping.

    The order drains: no new jobs (web), no new sweeps (beat), jobs under way end (worker), then the observers, and
    Redis when nobody writes to it any more.

    Args:
        settings: `data_dir` must be absolute.
        programs: What was found on this machine.
        cores: Usable processor cores.
        on_gpu: Whether the worker will choose a GPU: one process owns it and decodes in threads.
    """
    processes = settings.worker_processes or (1 if on_gpu else cores)
    parts = [_flower(settings), _worker(settings, processes=processes), _beat(), _web(settings)]
    parts += observer_parts(settings, programs.observers)
    if programs.exporter_python is not None:
        parts.insert(0, _exporter(settings, programs.exporter_python))
    if programs.redis_server is not None:
        parts.insert(0, _redis(settings, programs.redis_server))
    return sorted(parts, key=lambda part: part.stop_rank)


def usable_cores() -> int:
    """Count the cores that this process may use, which a container or `taskset` limits."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)


def _redis(settings: Settings, program: Path) -> Part:
    return Part(
        name="redis",
        command=(str(program), str(settings.data_dir / "run" / "redis.conf")),
        stop_rank=10,
        stop_seconds=30,
        listener=Listener("127.0.0.1", settings.local_redis_port, "DENTIQ_LOCAL_REDIS_PORT"),
        needs_redis=False,
    )


def _exporter(settings: Settings, python: Path) -> Part:
    # The broker's URL, which may hold a password, reaches it as CE_BROKER_URL.
    address = ("--host", "127.0.0.1", "--port", str(settings.exporter_port), "--retry-interval", "5")
    return Part(
        name="exporter",
        command=(*OBSERVER, str(python), "-c", _EXPORTER_ENTRY, *address),
        stop_rank=20,
        stop_seconds=5,
        listener=Listener("127.0.0.1", settings.exporter_port, "DENTIQ_EXPORTER_PORT"),
    )


def _flower(settings: Settings) -> Part:
    options = (
        "--address=127.0.0.1",
        f"--port={settings.flower_port}",
        # Its history survives a restart and is bounded: a task costs about 2 kB of its memory.
        "--persistent=True",
        f"--db={settings.data_dir / 'flower' / 'flower'}",
        "--save-state-interval=60000",
        "--max-tasks=10000",
    )
    return Part(
        name="flower",
        command=(*OBSERVER, sys.executable, *_CELERY, "flower", *options),
        stop_rank=30,
        stop_seconds=5,
        listener=Listener("127.0.0.1", settings.flower_port, "DENTIQ_FLOWER_PORT"),
    )


def _worker(settings: Settings, *, processes: int) -> Part:
    options = ("--pool=prefork", f"--concurrency={processes}", "-E", "-Q", ",".join(CONSUMED_QUEUES))
    # There is one worker: without neighbours to greet it is ready a second earlier.
    alone = ("--without-gossip", "--without-mingle", "--hostname=worker@%h")
    return Part(
        name="worker",
        command=(sys.executable, *_CELERY, "worker", *options, *alone),
        stop_rank=40,
        # SIGTERM lets the tasks under way end: above the time of a full bulk chunk on one slow core.
        stop_seconds=40,
        environment={
            **_compute_environment(settings),
            "PROMETHEUS_MULTIPROC_DIR": str(settings.data_dir / "metrics" / "worker"),
        },
        listener=_worker_listener(settings),
    )


def _worker_listener(settings: Settings) -> Listener | None:
    if not settings.worker_metrics_port:
        return None
    return Listener(settings.worker_metrics_bind, settings.worker_metrics_port, "DENTIQ_WORKER_METRICS_PORT")


def _compute_environment(settings: Settings) -> dict[str, str]:
    # One thread a process: two thread pools on shared cores cost more than they bring.
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if settings.runtime != "torch":
        return threads
    # Eager torch gives its buffers back to the system after each layer and pays in page faults: half of its time.
    keep_memory = {
        "MALLOC_MMAP_THRESHOLD_": str(2**30),
        "MALLOC_TRIM_THRESHOLD_": str(2**33),
        "MALLOC_TOP_PAD_": str(2**28),
    }
    return {**threads, **keep_memory}


def _beat() -> Part:
    return Part(
        name="beat",
        # Its schedule is an interval in the settings, kept in memory: there is no schedule file to corrupt.
        command=(sys.executable, *_CELERY, "beat"),
        stop_rank=50,
        stop_seconds=10,
    )


def _web(settings: Settings) -> Part:
    return Part(
        name="web",
        command=(
            *(sys.executable, "-m", "gunicorn", "-c", "python:infra.gunicorn_conf"),
            # Its heartbeat files stay where they were: a disk busy with an archive must not stop them.
            *("--worker-tmp-dir", tempfile.gettempdir()),
        ),
        stop_rank=60,
        # Above gunicorn's own graceful time-out, so that gunicorn ends its processes itself.
        stop_seconds=10,
        environment={
            "PROMETHEUS_MULTIPROC_DIR": str(settings.data_dir / "metrics" / "web"),
            # Uploads are spooled on the disk of the data: in many a system the usual folder is memory.
            "TMPDIR": str(settings.data_dir / "spool"),
        },
        listener=Listener(settings.web_bind, settings.port, "PORT"),
    )
