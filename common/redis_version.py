"""Which Redis is new enough for the job store."""

import re
from typing import Final

# LPOP with a count, ZMSCORE and ZRANGE ... BYSCORE came with it. On an older one every sweep would fail
# once the first jobs had reached their retention, and nothing would be erased.
OLDEST_REDIS: Final = "6.2"


def is_too_old(version: str) -> bool:
    """Whether a version, as a Redis names its own, is too old; one that cannot be read is not.

    Valkey, KeyDB and others name as `redis_version` the Redis that they are like.
    """
    numbers = _numbers(version)
    return bool(numbers) and numbers < _numbers(OLDEST_REDIS)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else ()
