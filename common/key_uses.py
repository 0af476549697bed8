"""When each API key was last used, to the minute: kept in Redis, for many web processes see its uses."""

from datetime import datetime, timezone
from time import monotonic
from typing import Any, Final

import redis

from common.jobs import keys
from common.redis_client import redis_errors_translated

# A use is written this often at most by each process: the way of a request costs no command for it.
_PRECISION_SECONDS: Final = 60.0


class KeyUses:
    """Note and tell the last use of keys; every method raises `JobStoreUnavailableError` when Redis does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._written: dict[str, float] = {}

    def note(self, key_id: str) -> None:
        """Note a use, unless this process did so within the last minute."""
        now = monotonic()
        if now < self._written.get(key_id, float("-inf")) + _PRECISION_SECONDS:
            return
        # Before the write: a Redis that is away must not be asked by every request.
        self._written[key_id] = now
        with redis_errors_translated():
            self._redis.hset(keys.KEY_USES, key_id, int(datetime.now(timezone.utc).timestamp()))

    def latest(self) -> dict[str, datetime]:
        """Tell when each key that was ever used was used last."""
        with redis_errors_translated():
            found: Any = self._redis.hgetall(keys.KEY_USES)
        return {key_id: datetime.fromtimestamp(int(instant), timezone.utc) for key_id, instant in found.items()}
