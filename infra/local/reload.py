"""Renewing the processes of a running stack one part after the other, so that nobody is refused meanwhile."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from infra.local.control import SupervisorControl
from infra.local.processes import (
    MARK_VARIABLE,
    ProcessRecord,
    environment_of,
    find_marked,
    read_record,
    start_of,
)
from infra.local.supervisor_config import socket_path
from infra.web_processes import expect_no_other, ready

# Jobs wait in Redis while these are away.
_RESTARTED: Final = ("worker", "beat")

# A process of web starts within seconds; half a minute was seen where thirty programs wanted two cores.
_START_SECONDS: Final = 120.0
# Above the time in which gunicorn lets requests under way end.
_END_SECONDS: Final = 30.0
# gunicorn looks after its processes each second.
_TAKE_BACK_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.1

# The last of what is said is the exception.
_FAULT_CHARACTERS: Final = 1500


def reload_parts(data_dir: Path, *, say: Callable[[str], None]) -> bool:
    """Restart worker and beat in good order, then renew web's processes behind its open port.

    Args:
        data_dir: Absolute data folder of a running stack.
        say: Tells people.

    Returns:
        Whether all of them were renewed.
    """
    master = _web_master(data_dir)
    if master is not None and (fault := _fault_of_web(master)):
        say(f"web would not start as it is now, so nothing was restarted:\n{fault}")
        return False
    control = SupervisorControl(socket_path(data_dir))
    for name in _RESTARTED:
        say(f"Restarting {name}: work under way ends first ...")
        if not control.restart(name):
            say(f"{name} could not be restarted; {data_dir / 'log' / name}.log says more.")
            return False
    say("Renewing the processes of web ...")
    master = _web_master(data_dir)
    if master is None:
        say("web does not run now; the supervisor starts it again.")
        return False
    return renew_web(data_dir, master, say=say)


def _web_master(data_dir: Path) -> ProcessRecord | None:
    master = read_record(data_dir / "run" / "parts" / "web.json")
    return master if master is not None and master.alive else None


def _fault_of_web(master: ProcessRecord) -> str:
    """Load web's application as the new processes will, in one of its own; return what it said if it could not.

    Processes that cannot would try again and again beside the ones that answer.
    """
    environment = environment_of(master.pid)
    if not environment:
        return ""
    environment.pop(MARK_VARIABLE, None)  # it is no part of the stack
    with tempfile.TemporaryDirectory() as folder:
        try:
            checked = subprocess.run(
                [sys.executable, "-m", "gunicorn", "--check-config", "-c", "python:infra.gunicorn_conf"],
                env=environment | {"PROMETHEUS_MULTIPROC_DIR": folder},
                capture_output=True,
                text=True,
                check=False,
                timeout=_START_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"It was not loaded within {_START_SECONDS:.0f} s."
    return (checked.stdout + checked.stderr)[-_FAULT_CHARACTERS:] if checked.returncode else ""


def renew_web(
    data_dir: Path, master: ProcessRecord, *, say: Callable[[str], None], start_seconds: float = _START_SECONDS
) -> bool:
    """Add as many processes as there are, wait until they answer, and let the old ones end.

    gunicorn's own reload (SIGHUP) ends the old ones at once: who comes before the new ones are up waits for seconds.
    Where a new one does not answer in time all new ones are taken back.
    """
    old = [ProcessRecord(pid, start_of(pid)) for pid in find_marked(data_dir, part="web") - {master.pid}]
    known = {process.pid for process in old}

    def new() -> int:
        return len(_answering(data_dir) - known)

    def left() -> int:
        return sum(process.alive for process in old)

    # One signal at a time: one that is still to be taken would swallow the next of its kind.
    for wanted in range(1, len(old) + 1):
        os.kill(master.pid, signal.SIGTTIN)
        if not _await(partial(_at_least, new, wanted), master, seconds=start_seconds):
            say("A new process of web does not answer; the new ones are taken back and the old ones go on.")
            for _ in range(wanted):
                _take_back(data_dir, master, known)
            return False
    for number in range(1, len(old) + 1):
        os.kill(master.pid, signal.SIGTTOU)  # ends the oldest
        _await(partial(_at_least, lambda: len(old) - left(), number), master, seconds=_END_SECONDS)
    return left() == 0 and master.alive


def _take_back(data_dir: Path, master: ProcessRecord, known: set[int]) -> None:
    """End one of the processes that were added, for which gunicorn starts no other (see `infra.gunicorn_conf`).

    Told to have one less, gunicorn would end its oldest.
    """

    def added() -> set[int]:
        return find_marked(data_dir, part="web") - known - {master.pid}

    # One that has just died by itself has a successor in a moment.
    if _await(lambda: bool(added()), master, seconds=_TAKE_BACK_SECONDS):
        pid = min(added())
        expect_no_other(data_dir, pid)
        # It may have requests under way, or hang.
        for number, seconds in ((signal.SIGTERM, _END_SECONDS), (signal.SIGKILL, _TAKE_BACK_SECONDS)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            # Gone altogether is what gunicorn has taken note of.
            if _await(lambda: not Path(f"/proc/{pid}").exists(), master, seconds=seconds):
                return


def _at_least(count: Callable[[], int], wanted: int) -> bool:
    return count() >= wanted


def _answering(data_dir: Path) -> set[int]:
    return ready(data_dir) & find_marked(data_dir, part="web")


def _await(condition: Callable[[], bool], master: ProcessRecord, *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end or not master.alive:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True
