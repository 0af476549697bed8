"""How often a key or an address may ask: sliding windows of a minute in Redis, by the library limits."""

import time
from time import monotonic
from typing import Final

import redis
import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from common.errors import TooManyRequestsError
from common.jobs import keys
from common.redis_client import connection_pool
from web.metrics import WebMetrics

# The count of a request must cost it nothing that a sender notices; a Redis that takes longer is counted without.
_TIMEOUT_SECONDS: Final = 0.25

# While Redis is away or slow each process counts for itself, and asks again after this pause.
_REST_SECONDS: Final = 5.0

_LONGEST_PAUSE_SECONDS: Final = 60

_log = structlog.get_logger(__name__)


class Rates:
    """Count requests and refuse those above a limit; one command of Redis a request.

    Args:
        redis_url: Of the job store.
        per_key: Most requests of a key in a minute; 0 for any number.
        per_address: Most requests without a key of an address in a minute; 0 for any number.
        max_connections: Threads that count at one time.
    """

    def __init__(
        self, redis_url: str, metrics: WebMetrics, *, per_key: int, per_address: int, max_connections: int
    ) -> None:
        self._metrics = metrics
        self._limits = {
            who: RateLimitItemPerMinute(limit, namespace=who)
            for who, limit in (("key", per_key), ("address", per_address))
            if limit
        }
        pool = connection_pool(redis_url, timeout_seconds=_TIMEOUT_SECONDS, max_connections=max_connections)
        storage = RedisStorage(redis_url, connection_pool=pool, key_prefix=keys.RATES)
        self._shared = SlidingWindowCounterRateLimiter(storage)
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._rests_until = 0.0

    def count(self, who: str, name: str) -> None:
        """Count a request.

        Args:
            who: "key" or "address".
            name: Which one.

        Raises:
            TooManyRequestsError: There were too many.
        """
        item = self._limits.get(who)
        if item is None:
            return
        wait = self._wait_seconds(item, name)
        if wait is None:
            return
        self._metrics.count_limited(by=who)
        raise TooManyRequestsError(
            f"More than {item.amount} requests came from this {who} within a minute; go on in {wait} s.",
            retry_after_seconds=wait,
        )

    def _wait_seconds(self, item: RateLimitItem, name: str) -> int | None:
        if monotonic() >= self._rests_until:
            try:
                return _hit(self._shared, item, name)
            except redis.RedisError as error:
                self._rests_until = monotonic() + _REST_SECONDS
                _log.warning("rates_counted_alone", reason=str(error))
        return _hit(self._own, item, name)


def _hit(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, name: str) -> int | None:
    """Count; seconds until there is room again, or None if there was."""
    if limiter.hit(item, name):
        return None
    pause = limiter.get_window_stats(item, name).reset_time - time.time()
    return max(1, min(round(pause), _LONGEST_PAUSE_SECONDS))
