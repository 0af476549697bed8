"""One local stack: its files laid out, its supervisor started and stopped, and nothing left behind."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from common.errors import ConfigurationError
from common.settings import Settings
from common.storage import require_known_storage
from infra.local.device import worker_takes_gpu
from infra.local.observers import find_observers, local_prometheus_configuration
from infra.local.part import Listener, Part
from infra.local.parts import Programs, stack_parts, usable_cores
from infra.local.processes import (
    MARK_VARIABLE,
    find_leftovers,
    read_record,
    record_process,
    stop_processes,
    wait_for_end,
)
from infra.local.redis_server import find_redis_server, redis_configuration
from infra.local.supervisor_config import socket_path, supervisor_configuration
from infra.secret_file import read_or_make_secret

FLOWER_USER = "dentiq"
_EXPORTER_PYTHON = Path(".venv-exporter") / "bin" / "python"
# What the supervisor needs beside the parts' own times to notice each end, about a second a part.
_SUPERVISOR_SECONDS = 15
_GRACE_SECONDS = 10
# Logs, records and the configuration of a start fit into this.
_LEAST_ROOM_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Stack:
    """What runs, and where.

    Attributes:
        settings: With an absolute `data_dir`.
        parts: In the order of starting.
        working_folder: Where the parts run.
    """

    settings: Settings
    parts: tuple[Part, ...]
    working_folder: Path

    @property
    def data_dir(self) -> Path:
        """Absolute folder of everything it writes."""
        return self.settings.data_dir

    @property
    def log_dir(self) -> Path:
        """Folder of its logs, one a part."""
        return self.data_dir / "log"

    @property
    def control_socket(self) -> Path:
        """Socket of its supervisor."""
        return socket_path(self.data_dir)

    @property
    def base_url(self) -> str:
        """Address of the page on this machine."""
        return f"http://{Listener(self.settings.web_bind, self.settings.port, 'PORT').address}"

    @property
    def owns_redis(self) -> bool:
        """Whether it starts a Redis of its own."""
        return any(part.name == "redis" for part in self.parts)

    def has(self, name: str) -> bool:
        """Whether a part of this name belongs to it."""
        return any(part.name == name for part in self.parts)


def plan_stack(settings: Settings, *, working_folder: Path) -> Stack:
    """Decide what runs with these settings on this machine.

    Raises:
        ConfigurationError: A Redis is needed and none can be found, or the storage is of an unknown kind.
    """
    require_known_storage(settings.effective_storage_url)
    absolute = settings.model_copy(update={"data_dir": (working_folder / settings.data_dir).resolve()})
    exporter = working_folder / _EXPORTER_PYTHON
    programs = Programs(
        redis_server=None if "redis_url" in settings.model_fields_set else find_redis_server(),
        exporter_python=exporter if exporter.exists() else None,
        observers=find_observers(working_folder / "prometheus"),
    )
    parts = stack_parts(absolute, programs=programs, cores=usable_cores(), on_gpu=worker_takes_gpu(settings))
    return Stack(settings=absolute, parts=tuple(parts), working_folder=working_folder)


def _require_room(folder: Path) -> None:
    """Find out that a folder can be written, before a part of the stack meets that it cannot.

    Raises:
        ConfigurationError: It cannot be made, or its disk is full.
    """
    probe = folder / "probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(_LEAST_ROOM_BYTES))
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {folder.parent} cannot be used ({error.strerror}). Make room there, or name another "
            "folder by DENTIQ_DATA_DIR."
        ) from error


@contextmanager
def exclusive(data_dir: Path) -> Iterator[None]:
    """Hold a data folder for one launcher; the system gives it free when the process ends, however it ends.

    Raises:
        ConfigurationError: Another launcher holds it.
    """
    run = data_dir / "run"
    _require_room(run)
    with (run / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = read_record(launcher_record(data_dir))
            number = f" (process {holder.pid})" if holder is not None else ""
            raise ConfigurationError(
                f"dentiq runs already on the data folder {data_dir}{number}. `make stop` stops it; "
                "DENTIQ_DATA_DIR and other ports make room for a second one."
            ) from error
        record_process(launcher_record(data_dir), os.getpid())
        yield


def launcher_record(data_dir: Path) -> Path:
    """Where the running launcher is on record."""
    return data_dir / "run" / "launcher.json"


def lay_out(stack: Stack) -> None:
    """Create the folders and the configuration files of a stack.

    Raises:
        ConfigurationError: A file stands where a folder should be.
    """
    folders = ["log", "run/parts", "redis", "flower", "metrics/web", "metrics/worker", "spool"]
    if stack.settings.storage_url is None:
        folders.append("storage")
    for folder in folders:
        try:
            (stack.data_dir / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"{stack.data_dir / folder} cannot be made a folder ({error.strerror}). Move away what is there, or "
                "name another data folder by DENTIQ_DATA_DIR."
            ) from error
    port = stack.settings.local_redis_port
    if stack.owns_redis:
        content = redis_configuration(port=port, folder=stack.data_dir / "redis")
        (stack.data_dir / "run" / "redis.conf").write_text(content, encoding="utf-8")
    content = supervisor_configuration(
        stack.parts,
        data_dir=stack.data_dir,
        working_folder=stack.working_folder,
        redis_port=port if stack.owns_redis else None,
    )
    _supervisor_file(stack.data_dir).write_text(content, encoding="utf-8")
    if stack.has("prometheus"):
        _lay_out_prometheus(stack)


def _lay_out_prometheus(stack: Stack) -> None:
    source = stack.working_folder / "prometheus"
    listeners = {part.name: part.listener for part in stack.parts if part.listener is not None}
    if stack.settings.web_metrics_port:
        listeners["web"] = Listener(
            stack.settings.web_metrics_bind, stack.settings.web_metrics_port, "DENTIQ_WEB_METRICS_PORT"
        )
    content = local_prometheus_configuration(
        (source / "prometheus.yml").read_text(encoding="utf-8"),
        rules=source.resolve() / "rules",
        listeners=listeners,
    )
    (stack.data_dir / "run" / "prometheus.json").write_text(content, encoding="utf-8")


def flower_password_file(data_dir: Path) -> Path:
    """Where the password of Flower is kept, made at the first start."""
    return data_dir / "flower" / "password"


def child_environment(stack: Stack, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of every part: the launcher's own, and what was decided here. Secrets travel here alone."""
    settings = stack.settings
    # What an operator sets stands.
    theirs = {"FLOWER_BASIC_AUTH", "MALLOC_ARENA_MAX"}
    decided = {
        MARK_VARIABLE: str(stack.data_dir),
        "DENTIQ_DATA_DIR": str(stack.data_dir),
        "DENTIQ_PORT": str(settings.port),
        "CE_BROKER_URL": settings.effective_redis_url,
        "REDIS_ADDR": settings.effective_redis_url,
        "FLOWER_BASIC_AUTH": f"{FLOWER_USER}:{read_or_make_secret(flower_password_file(stack.data_dir))}",
        "PYTHONUNBUFFERED": "1",
        # glibc gives threads heaps of their own, up to eight a core, each of which keeps the most that it ever held:
        # web grew for hours without holding one object more. Two are plenty beside Python's lock.
        "MALLOC_ARENA_MAX": "2",
        "DENTIQ_FLOWER_URL": settings.flower_url or f"http://127.0.0.1:{settings.flower_port}/",
    }
    if stack.has("prometheus") and not settings.prometheus_url:
        decided["DENTIQ_PROMETHEUS_URL"] = f"http://127.0.0.1:{settings.prometheus_port}/"
    if stack.owns_redis:
        url = f"redis://127.0.0.1:{settings.local_redis_port}/0"
        decided |= {"DENTIQ_REDIS_URL": url, "CE_BROKER_URL": url, "REDIS_ADDR": url}
    else:
        # Exporters read one address: an operator whose Redis has sentinels names another for them.
        theirs |= {"CE_BROKER_URL", "REDIS_ADDR"}
    return {**environ, **decided, **{name: environ[name] for name in theirs if environ.get(name)}}


def start_supervisor(stack: Stack, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the supervisor, which starts the parts."""
    record = stack.data_dir / "run" / "supervisord.json"
    supervisord = (sys.executable, "-m", "supervisor.supervisord", "-c", str(_supervisor_file(stack.data_dir)))
    with (stack.log_dir / "supervisord.out").open("ab") as output:
        return subprocess.Popen(  # noqa: S603  our own command line
            [sys.executable, "-m", "infra.local.child", str(record), "-", *supervisord],
            cwd=stack.working_folder,
            env=child_environment(stack, environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C of a terminal reaches every process of its group: only the launcher may get it, or nothing drains.
            start_new_session=True,
        )


def stop_supervisor(stack: Stack, supervisor: subprocess.Popen[bytes]) -> None:
    """Have the supervisor drain and stop the parts in their order, and make sure that no process remains."""
    supervisor.terminate()
    with suppress(subprocess.TimeoutExpired):
        supervisor.wait(timeout=sum(part.stop_seconds for part in stack.parts) + _SUPERVISOR_SECONDS)
    stop_processes(find_leftovers(stack.data_dir), grace_seconds=_GRACE_SECONDS)
    with suppress(subprocess.TimeoutExpired):
        supervisor.wait(timeout=1)


def clear_leftovers(data_dir: Path) -> int:
    """Stop what an earlier run left behind, and say how many processes that were."""
    found = find_leftovers(data_dir)
    supervisor = read_record(data_dir / "run" / "supervisord.json")
    if supervisor is not None and supervisor.alive:
        # It drains its parts; it may already be about to, since its launcher died.
        os.kill(supervisor.pid, signal.SIGTERM)
        wait_for_end([supervisor], seconds=_GRACE_SECONDS * 4)
    stop_processes(find_leftovers(data_dir), grace_seconds=_GRACE_SECONDS)
    return len(found)


def _supervisor_file(data_dir: Path) -> Path:
    return data_dir / "run" / "supervisord.conf"
