"""What a job is: the record that every interface shows, and what is written to make, claim and finish one."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from common.queues import QueueName

_ID_BYTES = 15

# What a correction may say beside the labels: something that none of them names, and no photograph of teeth or gums.
OTHER_LABEL: Final = "other"
NOT_DENTAL_LABEL: Final = "not_dental"


class JobStatus(str, Enum):
    """Where a job stands; the last three are terminal and never change again."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether no transition leads out of this status."""
        return self in _TERMINAL


_TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class Outcome(str, Enum):
    """What the model says of an image that it could read."""

    ANSWERED = "answered"
    UNCERTAIN = "uncertain"
    NOT_DENTAL = "not_dental"


class Verdict(str, Enum):
    """What a reader's correction says of the model's answer."""

    RIGHT = "right"
    WRONG = "wrong"
    # The model gave no answer that could be either.
    UNDECIDED = "undecided"


class Explanation(str, Enum):
    """Where the heat map of a job stands once somebody has asked for it."""

    ASKED = "asked"
    READY = "ready"
    UNAVAILABLE = "unavailable"


def new_job_id() -> str:
    """Make an unguessable job id: 24 characters a-z and 2-7, 120 random bits."""
    return base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode("ascii").lower()


def new_job_ids(count: int) -> list[str]:
    """Make ids of jobs that are stored together.

    They share the two characters that name their folder in the storage, which is then flushed once for all of them;
    110 random bits of each stay its own.
    """
    folder = new_job_id()[:2]
    return [folder + new_job_id()[2:] for _ in range(count)]


@dataclass(frozen=True)
class NewJob:
    """Describe an accepted image whose bytes are already in the storage.

    Attributes:
        id: From `new_job_id`; also names the stored image.
        filename: As the sender called it; shown, never used in a path.
    """

    id: str
    queue: QueueName
    filename: str


@dataclass(frozen=True)
class Claim:
    """Hold the right to work on one job until its lease ends.

    Attributes:
        attempt: Counts from 1; a write with an older attempt is refused.
        queue_seconds: Time from submission to this claim.
    """

    job_id: str
    attempt: int
    queue: QueueName
    queue_seconds: float


@dataclass(frozen=True)
class Success:
    """Report a classified image.

    Attributes:
        probabilities: Calibrated, in the order of the model version's labels.
        label: The most probable label.
        inference_seconds: This image's share of its chunk's forward pass.
    """

    claim: Claim
    model_version: str
    outcome: Outcome
    label: str
    probabilities: tuple[float, ...]
    decode_seconds: float
    inference_seconds: float


@dataclass(frozen=True)
class Failure:
    """Report why a job has no result."""

    claim: Claim
    code: str
    message: str


@dataclass(frozen=True)
class Prediction:
    """One label with its calibrated probability."""

    label: str
    probability: float


@dataclass(frozen=True)
class Correction:
    """What a reader says that a photograph shows.

    Attributes:
        label: A label, `OTHER_LABEL` or `NOT_DENTAL_LABEL`.
        verdict: What that says of the answer.
        corrected_at: When; UTC.
    """

    label: str
    verdict: Verdict
    corrected_at: datetime


@dataclass(frozen=True)
class JobFailure:
    """Why a job failed, in the terms of `common.errors`."""

    code: str
    message: str


@dataclass(frozen=True)
class Job:
    """One job as it stood at one instant.

    Attributes:
        position: Place in its queue, 1 is next; None when it does not wait there.
        predictions: All labels, most probable first; empty until succeeded.
        attempts: How many times a worker has claimed it.
    """

    id: str
    status: JobStatus
    queue: QueueName
    filename: str
    attempts: int
    submitted_at: datetime
    position: int | None = None
    batch_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    model_version: str | None = None
    outcome: Outcome | None = None
    predictions: tuple[Prediction, ...] = ()
    error: JobFailure | None = None
    decode_seconds: float | None = None
    inference_seconds: float | None = None
    explanation: Explanation | None = None
    corrected_label: str | None = None
    corrected_at: datetime | None = None

    @property
    def said_label(self) -> str | None:
        """What the model says that the photograph shows, as a correction would say it; None where it does not say."""
        if self.outcome is Outcome.NOT_DENTAL:
            return NOT_DENTAL_LABEL
        return self.predictions[0].label if self.outcome is Outcome.ANSWERED and self.predictions else None

    def verdict_of(self, label: str) -> Verdict:
        """Tell what it says of the model's answer that the photograph shows `label`."""
        if self.said_label is None:
            return Verdict.UNDECIDED
        return Verdict.RIGHT if label == self.said_label else Verdict.WRONG

    @property
    def correction(self) -> Correction | None:
        """What a reader says, where one has."""
        if self.corrected_label is None or self.corrected_at is None:
            return None
        return Correction(self.corrected_label, self.verdict_of(self.corrected_label), self.corrected_at)

    @property
    def queue_seconds(self) -> float | None:
        """Time from submission to the latest claim."""
        return None if self.started_at is None else (self.started_at - self.submitted_at).total_seconds()

    @property
    def total_seconds(self) -> float | None:
        """Time from submission to the end."""
        return None if self.finished_at is None else (self.finished_at - self.submitted_at).total_seconds()


@dataclass(frozen=True)
class WorkerInfo:
    """One worker process that holds a model and has been heard of lately."""

    name: str
    model_version: str
    runtime: str
    device: str


@dataclass(frozen=True)
class IdempotencyKey:
    """Tie a request to the jobs it made, so that a repetition gets the same answer.

    Attributes:
        key: As the sender chose it.
        body_digest: Tells a repetition from another request under the same key.
        life_seconds: How long it is remembered.
    """

    key: str
    body_digest: str
    life_seconds: float = 86400


@dataclass(frozen=True)
class Accepted:
    """Answer of `JobStore.create`.

    Attributes:
        job_ids: The jobs of this request; those of the first one if it was a repetition.
        replayed: Whether the request was a repetition and made nothing new.
        depth: Jobs that wait in the queue now, these included.
        submitted_at: When they were queued; UTC. Of a repetition: when it was answered.
        called: Worker processes that waited at the job store and have been called.
    """

    job_ids: tuple[str, ...]
    replayed: bool
    depth: int
    submitted_at: datetime
    called: int = 0


@dataclass(frozen=True)
class BatchMembership:
    """The batch that jobs are submitted to.

    Attributes:
        life_seconds: How long the batch is kept after its last submission.
    """

    batch_id: str
    life_seconds: float


@dataclass(frozen=True)
class Repair:
    """What one run of the sweeper put right in the job store."""

    requeued: int
    poisoned: int
    woken: int
