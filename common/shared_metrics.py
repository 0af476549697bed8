"""Metrics that several processes of one part share in files: summed at each scrape, the files of dead processes folded.

The Prometheus client keeps a file for each process and kind of metric and leaves it behind when the process dies: its
counts must go on to count, but a part whose processes come and go would read more files at every scrape. Here the
counts of the dead move into one file, and nothing else of them remains (see `common.metrics_folding`).
"""

import fcntl
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from common.metrics_folding import GONE, fold, forget_folds
from common.metrics_merging import merge

# The client reads this variable once, when it is first imported: set later, each process would count alone. So it
# belongs into the environment of a process, or before every import, as in gunicorn's configuration.
FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

# A POSIX lock holds between processes, is not inherited by a fork, and says nothing between threads: it takes both.
_threads = threading.Lock()


class SharedMetrics(Collector):
    """Collect what all processes that share a folder have counted, living or dead."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Fold the files of dead processes, then sum all files."""
        with _exclusive(self._folder):
            fold(self._folder, [path for path in self._folder.glob("*.db") if _dead(path)])
            # An empty file is one that a process is about to lay out.
            files = [path for path in self._folder.glob("*.db") if path.stat().st_size]
            return list(merge(files))


def forget_earlier_life(folder: Path) -> None:
    """Empty the folder, but for the files of processes that live: those of a second server, if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder):
        forget_folds(folder)
        for path in folder.glob("*.db"):
            if not _alive(_owner(path)):
                path.unlink(missing_ok=True)


def _dead(path: Path) -> bool:
    owner = _owner(path)
    return owner != GONE and not _alive(owner)


def _owner(path: Path) -> int:
    number = path.stem.rpartition("_")[2]
    return int(number) if number.isdecimal() else GONE


def _alive(pid: int) -> bool:
    if pid == GONE:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    with _threads, (folder / "lock").open("w", encoding="utf-8") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield
