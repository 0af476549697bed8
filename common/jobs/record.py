"""What a job is: the record that every interface shows, and what is written to make, claim and finish one."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from common.queues import QueueName

_ID_BYTES = 15


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
    """

    job_ids: tuple[str, ...]
    replayed: bool
    depth: int
    submitted_at: datetime


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
