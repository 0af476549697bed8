"""Which Redis is new enough for the job store."""

import re
from typing import Final

# LPOP with a count, ZMSCORE, ZADD ... GT and ZRANGE ... BYSCORE came with it: an older one can take no job and erase
# none.
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
