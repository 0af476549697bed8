"""What each part runs through before it becomes its program: it dies with its parent, is on record, and has a Redis.

    python -m infra.local.child RECORD REDIS_PORT|- PROGRAM ARGUMENT...

The program replaces this process (exec), so it keeps the process number and the tie to its parent.
"""

import ctypes
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from infra.local.processes import MARK_VARIABLE, PART_VARIABLE, find_marked, record_process, stop_processes

_PR_SET_PDEATHSIG = 1
_REDIS_DEADLINE_SECONDS = 60.0
_PAUSE_SECONDS = 0.05


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, record it, wait for Redis and become the program."""
    record, redis_port, *command = arguments
    parent = os.getppid()
    die_with_parent(parent)
    _stop_orphans_of_this_part()
    record_process(Path(record), os.getpid())
    if redis_port != "-" and not wait_for_redis(int(redis_port), seconds=_REDIS_DEADLINE_SECONDS):
        sys.exit(f"Redis on port {redis_port} did not answer within {_REDIS_DEADLINE_SECONDS:g} s.")
    os.execvp(command[0], command)  # noqa: S606  the supervisor's own configuration names the program


def die_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM to this process when its parent dies, however it dies (Linux only)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The parent died before this process was tied to it.")


def _stop_orphans_of_this_part() -> None:
    """End what a killed predecessor left: pool processes would go on to hold a core and a model."""
    data_dir, part = os.environ.get(MARK_VARIABLE), os.environ.get(PART_VARIABLE)
    if data_dir and part:
        stop_processes(find_marked(Path(data_dir), part=part) - {os.getpid()}, grace_seconds=1)


def wait_for_redis(port: int, *, seconds: float) -> bool:
    """Wait until a Redis on the loopback address answers PING, which it refuses while it loads its data."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            if connection.recv(64).startswith(b"+PONG"):
                return True
        time.sleep(_PAUSE_SECONDS)
    return False


if __name__ == "__main__":
    main(sys.argv[1:])
