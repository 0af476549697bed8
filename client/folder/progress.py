"""The one bar that people see while a folder is sent and classified."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from client.folder.tally import Tally


class Bar:
    """Show a tally; on a terminal only, so that a log holds no thousand bars. Usable as a context manager."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            BarColumn(),
            TextColumn("{task.fields[sent]}/{task.total:.0f} sent"),
            TextColumn("{task.completed:.0f} done"),
            TextColumn("{task.fields[failed]} failed"),
            TextColumn("{task.fields[rate]} images/s"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=0, sent=0, failed=0, rate="-")

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, tally: Tally) -> None:
        """Draw what is known now."""
        speed = self._progress.tasks[0].speed
        self._progress.update(
            self._task,
            total=tally.files,
            completed=tally.done,
            sent=tally.sent,
            failed=tally.failed,
            rate=f"{speed:.1f}" if speed else "-",
        )
