"""What the operating system counts for the processes of one part: a parent and its children."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common import metrics as table

_PROC: Final = Path("/proc")


@dataclass(frozen=True)
class ProcessUse:
    """What one process has used.

    Attributes:
        cpu_seconds: Its own processor time.
        ended_children_seconds: That of its children which have ended.
        memory_bytes: Its resident memory.
    """

    cpu_seconds: float
    ended_children_seconds: float
    memory_bytes: int


class ProcessMetrics(Collector):
    """Show number, processor time and memory of a parent and its children; nothing where there is no `/proc`.

    Processor time never falls when a child dies: the parent goes on to hold it.

    Args:
        part: `web` or `worker`.
        parent: Process number of the parent.
    """

    def __init__(self, part: str, *, parent: int) -> None:
        self._part = part
        self._parent = parent

    def collect(self) -> Iterator[Metric]:
        """Read `/proc`."""
        parent = _read(self._parent)
        if parent is None:
            return
        children = [use for use in map(_read, _children(self._parent)) if use is not None]
        family = [parent, *children]
        cpu = sum(use.cpu_seconds for use in family) + parent.ended_children_seconds
        yield _gauge(table.PROCESSES, self._part, len(family))
        yield _gauge(table.PROCESS_MEMORY_BYTES, self._part, sum(use.memory_bytes for use in family))
        counter = CounterMetricFamily(
            table.PROCESS_CPU_SECONDS.name, table.PROCESS_CPU_SECONDS.help, labels=table.PROCESS_CPU_SECONDS.labels
        )
        counter.add_metric([self._part], cpu)
        yield counter


def _gauge(metric: table.Metric, part: str, value: float) -> Metric:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    family.add_metric([part], value)
    return family


def _children(parent: int) -> list[int]:
    # A child is listed under the thread that forked it.
    found: list[int] = []
    for listing in (_PROC / str(parent) / "task").glob("*/children"):
        try:
            found += [int(word) for word in listing.read_text(encoding="ascii").split()]
        except OSError:
            continue
    return found


def _read(pid: int) -> ProcessUse | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        pages = int((_PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    # The second field, the program's name, may hold blanks and parentheses: count from the last one on (see proc(5)).
    fields = stat.rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return ProcessUse(own / ticks, ended / ticks, pages * os.sysconf("SC_PAGE_SIZE"))
