"""What the command line shows: tables for people, JSON for programs."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from client.corrections import Export
from client.records import Job, Model

# Wider than any table: rich takes 80 columns where there is no terminal, and would fold names.
_UNBOUNDED = 10_000

DISCLAIMER = "dentiq informs; it does not diagnose. Ask a dentist."


@dataclass(frozen=True)
class Submission:
    """What became of one file.

    Attributes:
        file: The path as the user gave it.
        job: The job, as it was seen last; None if the server took none.
        error_code: Why there is no result, as a slug; None if there is one.
        error_message: Why there is no result, as a sentence.
    """

    file: str
    job: Job | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether there is a result."""
        return self.job is not None and self.job.status == "succeeded"

    @property
    def status(self) -> str:
        """The job's status, or `rejected` where the server took no job."""
        return self.job.status if self.job is not None else "rejected"

    def as_json(self) -> dict[str, Any]:
        """The job as the server describes it, with the file; or why there is none."""
        error = {"code": self.error_code, "message": self.error_message} if self.error_code else None
        if self.job is None:
            return {"file": self.file, "status": self.status, "error": error}
        return {"file": self.file, **self.job.raw, **({"error": error} if error else {})}


def standard_output() -> Console:
    """A console for people, or for the program behind a pipe: that one gets each row on one line."""
    return Console() if sys.stdout.isatty() else Console(width=_UNBOUNDED)


def show_submissions(console: Console, submissions: Sequence[Submission]) -> None:
    """Print one row a file, then the reason of each failure, then what a result is not."""
    table = _table("File", "Outcome", "Best label", "Probability", "Model")
    for submission in submissions:
        table.add_row(*map(escape, (submission.file, *_cells(submission))))
    console.print(table)
    for submission in submissions:
        if not submission.succeeded:
            reason = f"{submission.error_message or submission.status} ({submission.error_code or submission.status})"
            console.print(f"{submission.file}: {reason}", markup=False, highlight=False)
    show_disclaimer(console, [submission.job for submission in submissions if submission.job is not None])


def show_job(console: Console, job: Job) -> None:
    """Print all that is known of one job."""
    rows: Mapping[str, object] = {
        "job": job.id,
        "file": job.filename,
        "status": job.status,
        "place in the queue": job.position,
        "outcome": job.outcome,
        "model": job.model_version,
        "error": f"{job.error_message} ({job.error_code})" if job.error_code else None,
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        if value is not None:
            table.add_row(name, escape(str(value)))
    for prediction in job.predictions:
        table.add_row(f"  {escape(prediction.label)}", f"{prediction.probability:.1%}")
    console.print(table)
    show_disclaimer(console, [job])


def show_models(console: Console, models: Sequence[Model]) -> None:
    """Print one row a model version."""
    table = _table("Version", "Serves", "Labels")
    for model in models:
        labels = escape(", ".join(model.labels))
        table.add_row(escape(model.version), "yes" if model.current else "", labels)
    console.print(table)


def show_export(console: Console, export: Export, out: str) -> None:
    """Print what a data set holds now, and what is not in it."""
    counts = ", ".join(f"{number} {label}" for label, number in sorted(export.labels.items()))
    lines = [f"{export.written} photographs fetched, {export.kept} were there. {out} holds: {counts or 'none'}"]
    if export.withdrawn:
        lines.append(f"Taken out, for readers took their corrections back: {export.withdrawn}")
    if export.unreported:
        lines.append(f"Photographs that the server no longer knows, and that stay: {export.unreported}")
    if export.left_out:
        said = ", ".join(f"{number} {label}" for label, number in sorted(export.left_out.items()))
        lines.append(f"Left out, for they name no label: {said}")
    if export.failed:
        said = ", ".join(f"{number} {code}" for code, number in sorted(export.failed.items()))
        lines.append(f"Not readable: {said}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_disclaimer(console: Console, jobs: Sequence[Job]) -> None:
    """Print once what a result is not, in the server's words if it sent any."""
    console.print(next((job.disclaimer for job in jobs if job.disclaimer), DISCLAIMER), markup=False, style="dim")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # A name that does not fit is folded, never cut: it may be copied from here.
        table.add_column(column, overflow="fold", justify="right" if column == "Probability" else "left")
    return table


def _cells(submission: Submission) -> tuple[str, str, str, str]:
    job = submission.job
    if job is None or not submission.succeeded:
        return submission.status, "", "", ""
    best = job.best
    label, probability = (best.label, f"{best.probability:.1%}") if best else ("", "")
    return job.outcome or "", label, probability, job.model_version or ""
