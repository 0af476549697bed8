"""Progress bars with the time left, on terminals and in logs alike."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")

console = Console()


def track(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """Pass items through, showing how many are done and how long the rest will take."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        yield from progress.track(items, total=total, description=title)


def warn(head: str, text: str) -> None:
    """Print what a reader must not miss, on one line; brackets in the names of files are no markup."""
    console.print(f"[yellow]{escape(head)}[/] {escape(text)}", soft_wrap=True)
