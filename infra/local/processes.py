"""Processes that outlived their run: who was started is recorded, and what is found later is proven to be ours.

A process number is reused by the system. A recorded process is ours only if it also started when the record says; a
process without a record (a child of a part) is ours only if it carries the mark in its environment.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

# Every process of a stack carries this variable, with the data folder as its value, in its environment.
MARK_VARIABLE = "LOCAL_STACK_DATA"
# The supervisor adds this one with the name of the part.
PART_VARIABLE = "SUPERVISOR_PROCESS_NAME"

_PROC = Path("/proc")
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class ProcessRecord:
    """A process number with the start that makes it unique."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return bool(self.started) and start_of(self.pid) == self.started


def record_process(path: Path, pid: int) -> None:
    """Write down that a process is ours, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{pid}")
    draft.write_text(json.dumps(asdict(ProcessRecord(pid, start_of(pid)))), encoding="utf-8")
    draft.replace(path)


def read_record(path: Path) -> ProcessRecord | None:
    """Read a record; None where there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return ProcessRecord(pid=int(content["pid"]), started=str(content["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def start_of(pid: int) -> str:
    """Say when a process started, in whatever form the system has; empty for none or a dead one."""
    if not _PROC.is_dir():
        return _start_by_ps(pid)
    try:
        # The name, second and in brackets, may hold spaces and brackets itself.
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    state, started_in_ticks = fields[0], fields[19]
    return "" if state in "ZX" else started_in_ticks


def environment_of(pid: int) -> dict[str, str]:
    """Read the variables that a process of ours was started with; none where the system does not tell (Linux does)."""
    lines: list[bytes] = []
    with suppress(OSError):
        lines = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    pairs = (os.fsdecode(line).partition("=") for line in lines if b"=" in line)
    return {name: value for name, _, value in pairs}


def _start_by_ps(pid: int) -> str:
    answer = subprocess.run(  # noqa: S603  a number is its only variable argument
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607  the system's own ps, wherever it lies
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()


def find_leftovers(data_dir: Path) -> set[int]:
    """Find the living processes of a stack on this data folder, except the caller.

    Args:
        data_dir: Absolute data folder.
    """
    records = (read_record(path) for path in (data_dir / "run").glob("**/*.json"))
    recorded = {record.pid for record in records if record is not None and record.alive}
    return (recorded | find_marked(data_dir)) - {os.getpid()}


def find_marked(data_dir: Path, *, part: str | None = None) -> set[int]:
    """Find living processes by the mark in their environment (Linux only).

    Args:
        data_dir: Absolute data folder of the stack.
        part: Only the processes of this part, which the supervisor names in their environment.
    """
    marks = {f"{MARK_VARIABLE}={data_dir}".encode()}
    if part is not None:
        marks.add(f"{PART_VARIABLE}={part}".encode())
    found = set()
    for folder in _PROC.glob("[0-9]*") if _PROC.is_dir() else ():
        with suppress(OSError):
            if marks <= set((folder / "environ").read_bytes().split(b"\0")) and start_of(int(folder.name)):
                found.add(int(folder.name))
    return found


def stop_processes(pids: Iterable[int], *, grace_seconds: float) -> None:
    """Ask processes to end, wait, and kill those that did not.

    Args:
        pids: Processes of ours.
        grace_seconds: Time between SIGTERM and SIGKILL.
    """
    remaining = [ProcessRecord(pid, start_of(pid)) for pid in pids]
    _send(remaining, signal.SIGTERM)
    if not wait_for_end(remaining, seconds=grace_seconds):
        _send(remaining, signal.SIGKILL)
        wait_for_end(remaining, seconds=5)


def wait_for_end(processes: Iterable[ProcessRecord], *, seconds: float) -> bool:
    """Wait until processes have ended; False when some did not in time."""
    waiting = list(processes)
    end = time.monotonic() + seconds
    while waiting := [process for process in waiting if process.alive]:
        if time.monotonic() >= end:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _send(processes: Iterable[ProcessRecord], number: signal.Signals) -> None:
    for process in processes:
        if process.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)
