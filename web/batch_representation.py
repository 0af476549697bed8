"""How a batch reads in JSON, and its results as a table."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pydantic import BaseModel, Field

from common.jobs.batches import Batch, BatchState
from common.jobs.record import Job, JobStatus
from web.representation import API_PREFIX, DISCLAIMER, Instant

_COLUMNS: Final = ("file", "job_id", "status", "outcome", "label", "probability", "model_version", "error_code")

# A cell that begins with one of these is a formula to a spreadsheet (OWASP, CSV injection): the last four are the
# full-width forms of = + - @, which some take for the same. Web and client hold the same list, as a test knows.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Where a spreadsheet begins a cell: it may take tabs and, in French and other languages, semicolons for commas.
_FORMULA: Final = re.compile(rf"""(^|[;\t]"*)(?=[{re.escape("".join(FORMULA_STARTS))}])""")


class BatchLinksDocument(BaseModel):
    """Where to go from here, as paths on this server."""

    self: str
    images: str = Field(description="Where images are added")
    jobs: str
    results_csv: str
    results_json: str


class BatchDocument(BaseModel):
    """One batch as it stood when it was read."""

    id: str
    name: str
    state: BatchState = Field(description="Whether it takes images")
    total: int = Field(description="Jobs submitted so far")
    counts: dict[JobStatus, int] = Field(description="Jobs by status")
    labels: dict[str, int] = Field(description="Jobs with outcome `answered` by their label")
    outcomes: dict[str, int] = Field(description="Succeeded jobs by outcome")
    images_per_second: float | None = Field(description="Rate so far; null before the first result")
    seconds_left: float | None = Field(description="Until what was submitted so far has ended, at the rate so far")
    created_at: Instant
    started_at: Instant | None
    latest_at: Instant | None = Field(description="When the latest job ended")
    disclaimer: str
    links: BatchLinksDocument


def batch_document(batch: Batch) -> BatchDocument:
    """Describe a batch for a program."""
    return BatchDocument(
        id=batch.id,
        name=batch.name,
        state=batch.state,
        total=batch.total,
        counts=dict(batch.counts),
        labels=dict(batch.labels),
        outcomes=dict(batch.outcomes),
        images_per_second=batch.images_per_second,
        seconds_left=batch.seconds_left,
        created_at=batch.created_at,
        started_at=batch.started_at,
        latest_at=batch.latest_at,
        disclaimer=DISCLAIMER,
        links=batch_links(batch.id),
    )


def batch_links(batch_id: str) -> BatchLinksDocument:
    """Name the addresses of a batch."""
    address = f"{API_PREFIX}/batches/{batch_id}"
    return BatchLinksDocument(
        self=address,
        images=f"{address}/images",
        jobs=f"{address}/jobs",
        results_csv=f"{address}/results.csv",
        results_json=f"{address}/results.json",
    )


def csv_lines(portions: Iterable[Sequence[Job]], *, labels: Sequence[str]) -> Iterator[str]:
    """Write results as CSV, a portion at a time.

    Args:
        labels: Columns after the fixed ones, in this order; a job's probability of a label that it lacks is empty. The
            last column is what a reader says that the photograph shows.
    """
    yield _csv([[*_COLUMNS, *labels, "correction"]])
    for portion in portions:
        yield _csv([_row(job, labels) for job in portion])


def _row(job: Job, labels: Sequence[str]) -> list[str]:
    best = job.predictions[0] if job.predictions else None
    probabilities = {prediction.label: prediction.probability for prediction in job.predictions}
    return [
        _harmless(job.filename),
        job.id,
        job.status.value,
        job.outcome.value if job.outcome else "",
        best.label if best else "",
        f"{best.probability:.5f}" if best else "",
        job.model_version or "",
        job.error.code if job.error else "",
        *(f"{probabilities[label]:.5f}" if label in probabilities else "" for label in labels),
        job.corrected_label or "",
    ]


def _harmless(cell: str) -> str:
    return _FORMULA.sub(r"\1'", cell)


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
