"""How a job's record is written in Redis: flat text fields, and their translation to and from `Job`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Final

from common.jobs import keys
from common.jobs.record import (
    Explanation,
    Failure,
    IdempotencyKey,
    Job,
    JobFailure,
    JobStatus,
    Outcome,
    Prediction,
    Success,
)
from common.queues import QueueName

MICROSECONDS: Final = 1_000_000

# Probabilities are stored in steps of 1e-5: seven labels stay under the 64 bytes up to which Redis packs a hash into
# one block (260 bytes a record less), and the rounding of 5e-6 is far below what calibration can tell.
_PROBABILITY_STEPS: Final = 100_000


def encode_probabilities(probabilities: Sequence[float]) -> str:
    """Write probabilities in label order as integers, separated by commas."""
    return ",".join(str(round(probability * _PROBABILITY_STEPS)) for probability in probabilities)


def decode_predictions(text: str, labels: Sequence[str]) -> tuple[Prediction, ...]:
    """Read stored probabilities and rank them, most probable first; none while their labels are not known."""
    probabilities = [int(steps) / _PROBABILITY_STEPS for steps in text.split(",")] if text else []
    if len(probabilities) != len(labels):
        return ()
    ranked = sorted(zip(labels, probabilities, strict=True), key=lambda pair: -pair[1])
    return tuple(Prediction(label, probability) for label, probability in ranked)


def encode_idempotency(idempotency: IdempotencyKey | None) -> tuple[str, str, int]:
    """Write a key as the three values that the submitting scripts take; an empty name stands for none."""
    if idempotency is None:
        return ("", "", 0)
    return (keys.IDEMPOTENCY + idempotency.key, idempotency.body_digest, int(idempotency.life_seconds))


def encode_success(success: Success) -> list[str | int]:
    """Write a success as the nine values that `finish.lua` takes."""
    return [
        success.claim.job_id,
        success.claim.attempt,
        JobStatus.SUCCEEDED.value,
        success.model_version,
        success.outcome.value,
        success.label,
        encode_probabilities(success.probabilities),
        round(success.decode_seconds * MICROSECONDS),
        round(success.inference_seconds * MICROSECONDS),
    ]


def encode_failure(failure: Failure) -> list[str | int]:
    """Write a failure as the nine values that `finish.lua` takes."""
    claim = failure.claim
    return [claim.job_id, claim.attempt, JobStatus.FAILED.value, failure.code, failure.message, "", "", "", ""]


def decode_job(job_id: str, record: Mapping[str, str], *, labels: Sequence[str], position: int | None) -> Job:
    """Read a record as `HGETALL` gives it.

    Args:
        labels: Those of the record's model version; empty while it has none.
        position: Place in the queue, known only from the queue itself.
    """
    error_code = record.get("error_code")
    return Job(
        id=job_id,
        status=JobStatus(record["status"]),
        queue=QueueName(record["queue"]),
        filename=record["filename"],
        attempts=int(record.get("attempts", 0)),
        submitted_at=decode_instant(record["submitted"]),
        position=position,
        batch_id=record.get("batch"),
        started_at=decode_optional_instant(record.get("started")),
        finished_at=decode_optional_instant(record.get("finished")),
        model_version=record.get("version"),
        outcome=Outcome(record["outcome"]) if "outcome" in record else None,
        predictions=decode_predictions(record.get("probabilities", ""), labels),
        error=JobFailure(error_code, record.get("error", "")) if error_code else None,
        decode_seconds=_optional_seconds(record.get("decode")),
        inference_seconds=_optional_seconds(record.get("inference")),
        explanation=Explanation(record["explanation"]) if "explanation" in record else None,
        corrected_label=record.get("corrected"),
        corrected_at=decode_optional_instant(record.get("corrected_at")),
    )


def decode_instant(text: str) -> datetime:
    """Read an instant; UTC."""
    seconds, microseconds = divmod(int(text), MICROSECONDS)
    return datetime.fromtimestamp(seconds, tz=timezone.utc).replace(microsecond=microseconds)


def decode_optional_instant(text: str | None) -> datetime | None:
    """Read an instant, if there is one; UTC."""
    return None if text is None else decode_instant(text)


def _optional_seconds(text: str | None) -> float | None:
    return None if text is None else int(text) / MICROSECONDS
