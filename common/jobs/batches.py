"""Batches: jobs submitted together, counted as they move, cancelled or erased as one."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

import redis

from common.errors import BatchNotFoundError
from common.jobs import codec, keys
from common.jobs.record import IdempotencyKey, JobStatus
from common.jobs.refusals import raise_refusal
from common.jobs.scripts import Scripts
from common.redis_client import redis_errors_translated

# Jobs cancelled or erased by one script: about 5 ms in which Redis does nothing else.
_PORTION: Final = 500
_LABEL: Final = "label "
_OUTCOME: Final = "outcome "


class BatchState(str, Enum):
    """Whether a batch takes images."""

    OPEN = "open"
    CANCELLED = "cancelled"


class Closing(str, Enum):
    """What becomes of the jobs of a closing batch."""

    CANCELLED = "cancelled"
    ERASED = "erased"


@dataclass(frozen=True)
class Batch:
    """One batch as it stood at one instant.

    Attributes:
        counts: Jobs by status; every status is there.
        labels: Answered jobs by their label; uncertain ones and those without teeth count among the outcomes alone.
        outcomes: Succeeded jobs by outcome.
        started_at: First claim of one of its jobs.
        latest_at: Latest end of one of its jobs.
    """

    id: str
    name: str
    state: BatchState
    created_at: datetime
    total: int
    counts: Mapping[JobStatus, int]
    labels: Mapping[str, int]
    outcomes: Mapping[str, int]
    started_at: datetime | None
    latest_at: datetime | None

    @property
    def ended(self) -> int:
        """Jobs that have ended."""
        return sum(count for status, count in self.counts.items() if status.is_terminal)

    @property
    def images_per_second(self) -> float | None:
        """Jobs ended a second, from the first claim to the latest end; None before that."""
        if self.started_at is None or self.latest_at is None:
            return None
        seconds = (self.latest_at - self.started_at).total_seconds()
        return self.ended / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Time until the jobs submitted so far have ended, at the rate so far; None while there is no rate."""
        if self.ended == self.total:
            return 0.0
        rate = self.images_per_second
        return (self.total - self.ended) / rate if rate else None


class BatchStore:
    """Make, read and close batches.

    Every method raises `JobStoreUnavailableError` when Redis does not answer or refuses writes.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._scripts = Scripts(client)

    def create(
        self,
        batch_id: str,
        *,
        name: str,
        life_seconds: float,
        idempotency: IdempotencyKey | None = None,
        webhook_url: str = "",
    ) -> Batch:
        """Make an empty batch; a repetition gives the first request's batch, as it stands.

        Args:
            webhook_url: Who is told when all jobs have ended; nobody if empty.

        Raises:
            IdempotencyConflictError: The key was used with another body.
        """
        request = (*codec.encode_idempotency(idempotency), batch_id, name, int(life_seconds), webhook_url)
        while True:
            with redis_errors_translated():
                verdict, made_id, now = self._scripts.call("create_batch", *request)
            raise_refusal(verdict)
            if verdict == "created":
                # Not read back: were Redis to go now, the sender would hear that nothing was made.
                record = {"name": name, "state": BatchState.OPEN.value}
                return _read_batch(made_id, record, codec.decode_instant(now))
            # Where the first request's batch is erased before it is read, its key counts as unused: it is asked anew.
            with suppress(BatchNotFoundError):
                return self.get(made_id)

    def get(self, batch_id: str) -> Batch:
        """Read a batch, in one step whatever its size.

        Raises:
            BatchNotFoundError: There is no such batch.
        """
        with redis_errors_translated():
            record: Any = self._redis.hgetall(keys.BATCH + batch_id)
        created_at = codec.decode_optional_instant(record.get("created"))
        if created_at is None:
            raise BatchNotFoundError(f"There is no batch {batch_id!r}: it never was, was erased, or is past retention.")
        return _read_batch(batch_id, record, created_at)

    def job_ids(self, batch_id: str, *, first: int, count: int) -> list[str]:
        """List a part of a batch's job ids, in the order of submission."""
        with redis_errors_translated():
            ids: Any = self._redis.lrange(keys.BATCH_JOBS + batch_id, first, first + count - 1)
        return list(ids)

    def close(self, batch_id: str, closing: Closing) -> None:
        """Take no more images, and cancel or erase all jobs; a crash on the way is made good by the sweeper.

        Raises:
            BatchNotFoundError: There is no such batch.
        """
        with redis_errors_translated():
            if not self._scripts.call("close_batch", batch_id, closing.value):
                raise BatchNotFoundError(f"There is no batch {batch_id!r} to close.")
        self.finish_closing(batch_id)

    def closing(self) -> list[str]:
        """List batches whose closing is not complete."""
        with redis_errors_translated():
            ids: Any = self._redis.hkeys(keys.CLOSING)
        return list(ids)

    def finish_closing(self, batch_id: str) -> None:
        """Cancel or erase what is left of a closing batch's jobs, a portion at a time."""
        first = 0
        with redis_errors_translated():
            while first >= 0:
                first = int(self._scripts.call("sweep_batch", batch_id, first, _PORTION))


def _counts_under(prefix: str, record: Mapping[str, str]) -> dict[str, int]:
    return {name.removeprefix(prefix): int(count) for name, count in record.items() if name.startswith(prefix)}


def _read_batch(batch_id: str, record: Mapping[str, str], created_at: datetime) -> Batch:
    return Batch(
        id=batch_id,
        name=record["name"],
        state=BatchState(record["state"]),
        created_at=created_at,
        total=int(record.get("total", 0)),
        counts={status: int(record.get(status.value, 0)) for status in JobStatus},
        labels=_counts_under(_LABEL, record),
        outcomes=_counts_under(_OUTCOME, record),
        started_at=codec.decode_optional_instant(record.get("started")),
        latest_at=codec.decode_optional_instant(record.get("latest")),
    )
