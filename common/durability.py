"""Whether the job store's Redis keeps what it is given: looked at before the first job, and again now and then."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

import redis

from common.errors import JobStoreUnavailableError
from common.redis_client import redis_errors_translated, require_durable

# One INFO a minute and process is nothing to Redis; for as long, jobs may be accepted that would be dropped.
_LOOK_SECONDS: Final = 60.0


class Durability:
    """Refuse a Redis that would drop jobs, without a question to it for each job.

    It may have come up after this process. And behind sentinels or a name another one may answer than the one that was
    looked at: a copy that became the master has settings of its own. As a rule a process notices that as an outage, and
    looks again; what comes without one (a change while nobody asked, an operator's CONFIG SET) it sees a minute later.

    Args:
        look_seconds: How long what was seen holds.
    """

    def __init__(self, client: redis.Redis, *, look_seconds: float = _LOOK_SECONDS) -> None:
        self._redis = client
        self._look_seconds = look_seconds
        self._holds_until = -math.inf

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Translate Redis's errors as `redis_errors_translated` does; after an outage the next `require` looks."""
        try:
            with redis_errors_translated():
                yield
        except JobStoreUnavailableError:
            self._holds_until = -math.inf
            raise

    def require(self) -> None:
        """Look, unless the last look still holds.

        Raises:
            UnsafeRedisError: It would drop jobs.
            JobStoreUnavailableError: It does not answer.
        """
        if monotonic() >= self._holds_until:
            require_durable(self._redis)
            self._holds_until = monotonic() + self._look_seconds
