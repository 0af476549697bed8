"""How a job reads in JSON: the same names in every interface; fields may be added, never renamed."""

from datetime import datetime, timezone
from typing import Annotated

from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema

from common.jobs.record import Job, JobStatus, Outcome, Verdict
from common.queues import QueueName

API_PREFIX = "/api/v1"

DISCLAIMER = (
    "dentiq informs; it does not diagnose. It looks at one photograph and can be wrong. "
    "Ask a dentist before you decide anything about your health."
)


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


Instant = Annotated[
    datetime,
    PlainSerializer(_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class PredictionDocument(BaseModel):
    """One label with its calibrated probability."""

    label: str = Field(description="Slug of the label", json_schema_extra={"example": "caries"})
    probability: float = Field(ge=0, le=1, json_schema_extra={"example": 0.93})


class ErrorDocument(BaseModel):
    """Why a job failed."""

    code: str = Field(description="Stable slug", json_schema_extra={"example": "image_truncated"})
    message: str = Field(description="What happened and what to do, in English")


class CorrectionDocument(BaseModel):
    """What a reader says that the photograph shows."""

    label: str = Field(
        description="A label, `other` (none of them names it) or `not_dental`",
        json_schema_extra={"example": "gingivitis"},
    )
    verdict: Verdict = Field(description="What that says of the answer; `undecided` where the model gave none")
    corrected_at: Instant


class TimingsDocument(BaseModel):
    """Where the time went; null while it is not known."""

    queue_seconds: float | None = Field(description="From submission to the claim by a worker")
    decode_seconds: float | None = Field(description="Reading, decoding and preprocessing")
    inference_seconds: float | None = Field(description="This image's share of the forward pass")
    total_seconds: float | None = Field(description="From submission to the end")


class LinksDocument(BaseModel):
    """Where to go from here, as paths on this server."""

    self: str
    preview: str
    image: str = Field(description="The photograph in full size, re-encoded without its metadata")
    page: str = Field(description="The job for people")
    explanation: str | None = Field(description="Heat map, drawn on first request; null until succeeded")


class JobDocument(BaseModel):
    """One job as it stood when it was read."""

    id: str
    status: JobStatus
    queue: QueueName
    position: int | None = Field(description="Place in the queue, 1 is next; null when it does not wait there")
    outcome: Outcome | None = Field(description="What the model says of the image; null until succeeded")
    predictions: list[PredictionDocument] = Field(description="All labels, most probable first; empty until succeeded")
    model_version: str | None = Field(description="The version that made the result")
    filename: str
    batch_id: str | None
    attempts: int = Field(description="How many times a worker has claimed it")
    error: ErrorDocument | None
    correction: CorrectionDocument | None = Field(description="What a reader says of the result, where one has")
    disclaimer: str
    timings: TimingsDocument
    submitted_at: Instant
    finished_at: Instant | None
    links: LinksDocument


def job_document(job: Job) -> JobDocument:
    """Describe a job for a program."""
    return JobDocument(
        id=job.id,
        status=job.status,
        queue=job.queue,
        position=job.position,
        outcome=job.outcome,
        predictions=[PredictionDocument(label=p.label, probability=p.probability) for p in job.predictions],
        model_version=job.model_version,
        filename=job.filename,
        batch_id=job.batch_id,
        attempts=job.attempts,
        error=None if job.error is None else ErrorDocument(code=job.error.code, message=job.error.message),
        correction=_correction_document(job),
        disclaimer=DISCLAIMER,
        timings=TimingsDocument(
            queue_seconds=job.queue_seconds,
            decode_seconds=job.decode_seconds,
            inference_seconds=job.inference_seconds,
            total_seconds=job.total_seconds,
        ),
        submitted_at=job.submitted_at,
        finished_at=job.finished_at,
        links=job_links(job.id, explained=job.status is JobStatus.SUCCEEDED),
    )


def _correction_document(job: Job) -> CorrectionDocument | None:
    kept = job.correction
    if kept is None:
        return None
    return CorrectionDocument(label=kept.label, verdict=kept.verdict, corrected_at=kept.corrected_at)


def job_links(job_id: str, *, explained: bool = False) -> LinksDocument:
    """Name the addresses of a job; only a result can be explained."""
    address = f"{API_PREFIX}/jobs/{job_id}"
    return LinksDocument(
        self=address,
        preview=f"{address}/preview",
        image=f"{address}/image",
        page=f"/jobs/{job_id}",
        explanation=f"{address}/explanation" if explained else None,
    )
