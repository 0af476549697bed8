"""How the job store stands as a whole, read in one round trip: what a scrape and the system page show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from common.jobs import codec, keys
from common.queues import QueueName
from common.redis_client import redis_errors_translated


@dataclass(frozen=True)
class Overview:
    """The job store as one round trip found it.

    Attributes:
        depth: Jobs that wait, by queue.
        oldest_seconds: Time that the oldest of them has waited, by queue; 0 where none waits.
        running: Jobs that workers hold.
        delayed: Jobs that wait for their next attempt.
        webhooks_pending: Webhooks that are to be sent, now or later.
        webhooks_overdue_seconds: Time for which the one that is due longest has been due; 0 where none is.
        counts: Totals since the store was made, by the names that `keys.COUNTS` describes.
    """

    depth: Mapping[QueueName, int]
    oldest_seconds: Mapping[QueueName, float]
    running: int
    delayed: int
    webhooks_pending: int
    webhooks_overdue_seconds: float
    counts: Mapping[str, int]


class Overviews:
    """Look at the job store as a whole."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def read(self) -> Overview:
        """Look now.

        Raises:
            JobStoreUnavailableError: Redis does not answer.
        """
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for queue in QueueName:
            _ask(pipe, keys.QUEUE + queue.value)
        _ask(pipe, keys.WEBHOOKS)
        pipe.zcard(keys.RUNNING)
        pipe.zcard(keys.DELAYED)
        pipe.hgetall(keys.COUNTS)
        with redis_errors_translated():
            answers: list[Any] = pipe.execute()
        (seconds, microseconds), *lines, running, delayed, counts = answers
        now = seconds * codec.MICROSECONDS + microseconds
        *depths, pending = (int(size) for size in lines[::2])
        *ages, overdue = (_age_seconds(first, now) for first in lines[1::2])
        return Overview(
            depth=dict(zip(QueueName, depths, strict=True)),
            oldest_seconds=dict(zip(QueueName, ages, strict=True)),
            running=int(running),
            delayed=int(delayed),
            webhooks_pending=pending,
            webhooks_overdue_seconds=overdue,
            counts={name: int(count) for name, count in counts.items()},
        )


def _ask(pipe: Any, line: str) -> None:
    """Ask for the length of a line that is ordered by instants, and for its first."""
    pipe.zcard(line)
    pipe.zrange(line, 0, 0, withscores=True)


def _age_seconds(first: Any, now: int) -> float:
    return max(0.0, (now - first[0][1]) / codec.MICROSECONDS) if first else 0.0
