"""The command `dentiq batch`: a folder in, a table out."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from client.dentiq import Dentiq
from client.errors import DentiqClientError, RequestRefusedError
from client.filenames import readable
from client.folder.journal import SUFFIX, Journal
from client.folder.progress import Bar
from client.folder.run import FolderRun, Plan
from client.folder.tally import Tally
from client.report import DISCLAIMER
from client.stopping import Terminated, terminable

SOME_FAILED: Final = 1
COULD_NOT_RUN: Final = 2
# As shells say that a signal ended a command: 128 and its number.
INTERRUPTED: Final = 130
TERMINATED: Final = 143

_CLOSED: Final = frozenset({"batch_closed", "batch_not_found"})


def run_batch(
    plan: Plan, *, server: str, as_json: bool, restart: bool, connect: Callable[[str], Dentiq] = Dentiq
) -> int:
    """Do what `dentiq batch` does, and choose the exit status; an interrupted run is summed up like one that ended.

    Args:
        plan: What to do.
        server: Address of the server.
        as_json: Whether to print a summary for programs.
        restart: Whether to begin anew.
        connect: Makes the client.
    """
    journal_path = plan.out.with_name(plan.out.name + SUFFIX)
    if plan.out.exists() and not journal_path.exists() and not restart:
        click.echo(f"dentiq: {readable(plan.out)} is there already; --restart writes it anew.", err=True)
        return COULD_NOT_RUN
    console = Console(stderr=True)
    run: FolderRun | None = None
    try:
        with (
            terminable(),
            connect(server) as dentiq,
            Journal(journal_path, server=server, folder=plan.folder, restart=restart) as journal,
            Bar(console) as bar,
        ):
            run = FolderRun(dentiq, plan, journal, show=bar.show)
            run.run()
            journal.remove()
    except KeyboardInterrupt as stop:
        if run is not None and run.batch_id:
            _report(run, plan, console, as_json=as_json)
        click.echo(f"Interrupted. To go on: {_again()}", err=True)
        return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
    except (DentiqClientError, OSError) as error:
        return _could_not_run(error, begun=run is not None and bool(run.batch_id))
    _report(run, plan, console, as_json=as_json)
    return SOME_FAILED if run.tally.failed else 0


def _could_not_run(error: Exception, *, begun: bool) -> int:
    closed = isinstance(error, RequestRefusedError) and error.code in _CLOSED
    click.echo(f"dentiq: {readable(str(error))}", err=True)
    if closed:
        click.echo("The batch takes no more images; --restart begins anew.", err=True)
    elif begun:
        click.echo(f"What was sent is not lost. To go on: {_again()}", err=True)
    return COULD_NOT_RUN


def _again() -> str:
    """The command as it was typed, without what would throw away the work so far."""
    return readable(shlex.join(["dentiq", *(word for word in sys.argv[1:] if word != "--restart")]))


def _report(run: FolderRun, plan: Plan, console: Console, *, as_json: bool) -> None:
    if as_json:
        summary = {"batch_id": run.batch_id, "out": readable(plan.out), **run.tally.as_json()}
        click.echo(json.dumps(summary, ensure_ascii=False, indent=2))
        return
    for line in _sentences(run.tally, plan.out):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _sentences(tally: Tally, out: Path) -> list[str]:
    counts = ", ".join(f"{number} {status}" for status, number in sorted(tally.statuses.items(), reverse=True))
    lines = [f"{tally.done} images: {counts or 'none'}. Written to {readable(out)}"]
    if tally.files > tally.done:
        lines.append(f"{tally.files - tally.done} more have no row yet.")
    if tally.skipped:
        names = ", ".join(tally.skipped_names())
        more = " ..." if len(tally.skipped_names()) < len(tally.skipped) else ""
        lines.append(f"{len(tally.skipped)} files are no images and were skipped: {names}{more}")
    return [*lines, DISCLAIMER]
