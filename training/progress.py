"""Progress bars with the time left, on terminals and in logs alike."""

import time
from collections.abc import Generator, Iterable
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")

console = Console()


def track(items: Iterable[Item], title: str, total: int) -> Generator[Item]:
    """Pass items through, showing how many are done and how long the rest will take."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        yield from progress.track(items, total=total, description=title)


def say(text: str) -> None:
    """Print on one line; brackets in the names of files are no markup."""
    console.print(escape(text), soft_wrap=True)


def warn(head: str, text: str) -> None:
    """Print what a reader must not miss, on one line; brackets in the names of files are no markup."""
    console.print(f"[yellow]{escape(head)}[/] {escape(text)}", soft_wrap=True)


class Pace:
    """Say how long the rest takes, from what was done since this object was made."""

    def __init__(self) -> None:
        self._began, self._done = time.monotonic(), 0

    def step(self, left: int) -> None:
        """Note that one more step is done, and print how long those left take at the pace so far."""
        self._done += 1
        if left:
            rest = duration(left * (time.monotonic() - self._began) / self._done)
            console.print(f"{left} more to go, about {rest}")


def duration(seconds: float) -> str:
    """Say a duration as people do."""
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
