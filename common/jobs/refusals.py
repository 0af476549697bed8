"""What the submitting scripts refuse, in the terms of `common.errors`."""

from typing import Final

from common.errors import (
    BatchClosedError,
    BatchNotFoundError,
    DentiqError,
    IdempotencyConflictError,
    UnavailableError,
)

_REFUSALS: Final[dict[str, DentiqError]] = {
    "conflict": IdempotencyConflictError(
        "This Idempotency-Key was sent before with another body; send the same body, or a new key."
    ),
    "no_batch": BatchNotFoundError("There is no such batch: it never was, was erased, or is past its retention."),
    "batch_closed": BatchClosedError("This batch was cancelled and takes no more images; make a new batch."),
    "late": UnavailableError(
        "The server stood still for too long while it took this, and kept nothing; send it again."
    ),
}


def raise_refusal(verdict: str) -> None:
    """Raise the error that a script's verdict stands for; a verdict of success raises nothing."""
    refusal = _REFUSALS.get(verdict)
    if refusal is not None:
        raise type(refusal)(refusal.message)
