"""Renewing the processes of a running stack one part after the other, so that nobody is refused meanwhile."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from infra.local.control import SupervisorControl
from infra.local.processes import ProcessRecord, find_marked, read_record, start_of
from infra.local.supervisor_config import socket_path
from infra.web_processes import ready

# Jobs wait in Redis while these are away.
_RESTARTED: Final = ("worker", "beat")

# A process of web starts within seconds; half a minute was seen where thirty programs wanted two cores.
_START_SECONDS: Final = 120.0
# Above the time in which gunicorn lets requests under way end.
_END_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.1


def reload_parts(data_dir: Path, *, say: Callable[[str], None]) -> bool:
    """Restart worker and beat in good order, then renew web's processes behind its open port.

    Args:
        data_dir: Absolute data folder of a running stack.
        say: Tells people.

    Returns:
        Whether all of them were renewed.
    """
    control = SupervisorControl(socket_path(data_dir))
    for name in _RESTARTED:
        say(f"Restarting {name}: work under way ends first ...")
        if not control.restart(name):
            say(f"{name} could not be restarted; {data_dir / 'log' / name}.log says more.")
            return False
    say("Renewing the processes of web ...")
    master = read_record(data_dir / "run" / "parts" / "web.json")
    if master is None or not master.alive:
        say("web does not run now; the supervisor starts it again.")
        return False
    return _renew_web(data_dir, master)


def _renew_web(data_dir: Path, master: ProcessRecord) -> bool:
    """Add as many processes as there are, wait until they answer, and let the old ones end.

    gunicorn's own reload (SIGHUP) ends the old ones at once: who comes before the new ones are up waits for seconds.
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
        if not _await(partial(_at_least, new, wanted), master, seconds=_START_SECONDS):
            return False
    for number in range(1, len(old) + 1):
        os.kill(master.pid, signal.SIGTTOU)  # ends the oldest
        _await(partial(_at_least, lambda: len(old) - left(), number), master, seconds=_END_SECONDS)
    return left() == 0 and master.alive


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
