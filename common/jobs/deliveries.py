"""Webhooks: noted by the scripts that end jobs, claimed and sent one by one, listed for those who wait for them."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

import orjson
import redis

from common.jobs import codec, keys
from common.jobs.record import JobStatus
from common.jobs.scripts import Scripts
from common.redis_client import redis_errors_translated

# Of a batch that ended many times over, the latest webhooks are listed.
_LISTED: Final = 100

# A script of this many takes Redis about a millisecond.
_ADOPTED_TOGETHER: Final = 500


class Subject(str, Enum):
    """What a webhook tells of."""

    JOB = "job"
    BATCH = "batch"


class DeliveryState(str, Enum):
    """Whether a webhook is still to be sent; the last two are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Event:
    """The end that a webhook tells of, as it was noted.

    Attributes:
        id: Of the job or batch.
        facts: A job's status; of a batch, its total and its jobs by terminal status.
    """

    subject: Subject
    id: str
    ended_at: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class DeliveryClaim:
    """Hold the right to send one webhook until the lease ends.

    Attributes:
        id: The same for each attempt: receivers know a repetition by it.
        receiver: Host and port, by which a busy receiver is passed over.
        attempt: Counts from 1.
    """

    id: str
    receiver: str
    url: str
    event: Event
    attempt: int


@dataclass(frozen=True)
class Attempt:
    """What came of sending a webhook once.

    Attributes:
        at: When it began, RFC 3339, UTC.
        status_code: What the receiver answered; None where it did not.
        error_code: Why there is no answer, in the terms of `common.errors`.
    """

    at: str
    seconds: float
    status_code: int | None = None
    error_code: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Delivery:
    """One webhook as it stood at one instant."""

    id: str
    url: str
    event: Event
    state: DeliveryState
    attempts: tuple[Attempt, ...]
    next_attempt_at: datetime | None


class DeliveryStore:
    """Claim, note and list webhooks.

    Every method raises `JobStoreUnavailableError` when Redis does not answer or refuses writes.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._scripts = Scripts(client)

    def claim(
        self, *, lease_seconds: float, receivers: Collection[str] = (), among: bool = False
    ) -> DeliveryClaim | None:
        """Lease the webhook that has been due longest; None when none is due.

        Args:
            receivers: Whose webhooks are passed over or, with `among`, alone are looked at.
            among: Which of the two.
        """
        lease, choice = round(lease_seconds * codec.MICROSECONDS), "among" if among else "but"
        with redis_errors_translated():
            row = self._scripts.call("claim_delivery", lease, choice, *receivers)
        if not row:
            return None
        delivery_id, receiver, kind, subject, url, detail, created, attempt = row
        return DeliveryClaim(delivery_id, receiver, url, _event(kind, subject, detail, created), int(attempt))

    def adopt(self) -> tuple[int, int]:
        """Take over what an older release left pending; tell how many webhooks were queued anew, and how many dropped.

        A webhook in no receiver's queue is never claimed, and would count as pending for good.
        """
        queued = dropped = 0
        with redis_errors_translated():
            ids = [delivery_id for delivery_id, _ in self._redis.zscan_iter(keys.WEBHOOKS, count=_ADOPTED_TOGETHER)]
            for first in range(0, len(ids), _ADOPTED_TOGETHER):
                row = self._scripts.call("adopt_deliveries", *ids[first : first + _ADOPTED_TOGETHER])
                queued, dropped = queued + int(row[0]), dropped + int(row[1])
        return queued, dropped

    def note(self, claim: DeliveryClaim, state: DeliveryState, attempt: Attempt, *, wait_seconds: float = 0) -> bool:
        """Note what came of an attempt; False when another one has begun since.

        Args:
            wait_seconds: Time until the next attempt of a webhook that stays pending.
        """
        wait = round(wait_seconds * codec.MICROSECONDS)
        line = orjson.dumps(asdict(attempt)).decode()
        with redis_errors_translated():
            return bool(self._scripts.call("note_delivery", claim.id, claim.attempt, state.value, wait, line))

    def pending(self) -> int:
        """Count the webhooks that are to be sent, now or later."""
        with redis_errors_translated():
            return int(self._redis.zcard(keys.WEBHOOKS))

    def of_job(self, job_id: str) -> list[Delivery]:
        """List the webhooks of a single job: one once it has ended, none where none was asked for."""
        return self._read([job_id])

    def of_batch(self, batch_id: str) -> list[Delivery]:
        """List the latest webhooks of a batch, oldest first."""
        with redis_errors_translated():
            latest = int(self._redis.hget(keys.BATCH + batch_id, "webhooks") or 0)
        return self._read([f"{batch_id}-{number}" for number in range(max(1, latest - _LISTED + 1), latest + 1)])

    def _read(self, delivery_ids: list[str]) -> list[Delivery]:
        with redis_errors_translated():
            pipe = self._redis.pipeline()
            for delivery_id in delivery_ids:
                pipe.hgetall(keys.DELIVERY + delivery_id)
                pipe.zscore(keys.WEBHOOKS, delivery_id)
            replies: list[Any] = pipe.execute()
        found = zip(delivery_ids, replies[::2], replies[1::2], strict=True)
        return [_delivery(delivery_id, record, due) for delivery_id, record, due in found if record]


def _delivery(delivery_id: str, record: Mapping[str, str], due: float | None) -> Delivery:
    state = DeliveryState(record["state"])
    lines = record["log"].split("\n") if "log" in record else []
    return Delivery(
        id=delivery_id,
        url=record["url"],
        event=_event(record["kind"], record["subject"], record["detail"], record["created"]),
        state=state,
        attempts=tuple(Attempt(**orjson.loads(line)) for line in lines),
        next_attempt_at=codec.decode_instant(str(int(due))) if due and state is DeliveryState.PENDING else None,
    )


def _event(kind: str, subject: str, detail: str, created: str) -> Event:
    ended_at = codec.decode_instant(created)
    if kind == Subject.JOB.value:
        return Event(Subject.JOB, subject, ended_at, {"status": detail})
    total, *ended = map(int, detail.split(" "))
    terminal = [status.value for status in JobStatus if status.is_terminal]
    return Event(Subject.BATCH, subject, ended_at, {"total": total, "counts": dict(zip(terminal, ended, strict=True))})
