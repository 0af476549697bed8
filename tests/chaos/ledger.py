"""What senders asked and were told: the one side of the comparison. What was not answered is kept as not known."""

import threading
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Sending:
    """Images sent by one request, or by its repetitions under one key.

    Attributes:
        names: File names, no two alike in a history.
        key: Idempotency-Key; None where there was none.
        batch: The batch they were sent to; None for a single image.
        told: For each 202 that named other jobs than the one before: file name -> job id.
        unknown: Requests that were not answered, or by 503: each may have taken effect.
    """

    names: list[str]
    key: str | None = None
    batch: str | None = None
    told: list[dict[str, str]] = field(default_factory=list)
    unknown: int = 0


@dataclass
class BatchSent:
    """One batch as its sender knows it."""

    id: str
    sendings: list[Sending] = field(default_factory=list)
    cancel_tried: bool = False
    cancel_told: bool = False


@dataclass(frozen=True)
class Seen:
    """A terminal status that a sender was shown."""

    status: str
    version: str | None
    predictions: tuple[tuple[str, int], ...]


class Ledger:
    """Everything that the senders of one history know; their threads write it at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.images: dict[str, bytes] = {}
        self.poison: set[str] = set()
        self.sendings: list[Sending] = []
        self.batches: dict[str, BatchSent] = {}
        # Ids of jobs and batches, and whether an erasure was answered by 204.
        self.erased: dict[str, bool] = {}
        self.seen: dict[str, Seen] = {}
        self.violations: list[str] = []
        self.requests = 0
        # No answer at all; and "not now", after which nobody knows either.
        self.unanswered = 0
        self.put_off = 0

    def complain(self, sentence: str) -> None:
        """Note a broken promise."""
        with self._lock:
            self.violations.append(sentence)

    def see(self, document: dict[str, Any]) -> None:
        """Note what a job's document shows; a job that has ended must not change any more."""
        if document["status"] not in {"succeeded", "failed", "cancelled"}:
            if document["id"] in self.seen:
                self.complain(f"job {document['id']} was {self.seen[document['id']].status}, now {document['status']}")
            return
        shown = Seen(
            document["status"],
            document["model_version"],
            tuple(sorted((entry["label"], round(entry["probability"] * 100_000)) for entry in document["predictions"])),
        )
        before = self.seen.setdefault(document["id"], shown)
        # Labels of a version come back with a heartbeat after a loss of Redis: an empty list is no other answer.
        if (before.status, before.version) != (shown.status, shown.version):
            self.complain(f"job {document['id']} was shown as {before}, then as {shown}")

    def erasure_tried(self, job_id: str, batch: str | None) -> bool:
        """Whether a sender asked for the erasure of a job or of its batch, whatever the answer."""
        return job_id in self.erased or (batch is not None and batch in self.erased)

    def to_json(self) -> dict[str, Any]:
        """Write it down for a person who looks into a failure."""
        return {
            "sendings": [asdict(sending) for sending in self.sendings],
            "batches": {batch.id: [batch.cancel_tried, batch.cancel_told] for batch in self.batches.values()},
            "poison": sorted(self.poison),
            "erased": self.erased,
            "seen": {job_id: asdict(seen) for job_id, seen in self.seen.items()},
            "violations": self.violations,
        }
