"""Waiting at the job store: a worker process that finds no job is called by whoever brings the next one."""

from enum import Enum
from typing import Any, Final

import redis

from common.jobs import keys
from common.redis_client import redis_errors_translated

# A wait shorter than this is over before it is worth its trips to Redis.
_SHORTEST_SECONDS: Final = 0.02

# What a wait may take of the time after which a silent Redis counts as gone; where that is short, no wait is worth it.
_SHARE_OF_TIMEOUT: Final = 0.5
_LEAST_TIMEOUT_SECONDS: Final = 0.4


class Call(str, Enum):
    """What a waiting process is wanted for."""

    JOBS = "jobs"
    # A Celery message: the process must end its task to get it.
    TASK = "task"


class IdleProcess:
    """One process that waits where `JobStore.claim` found nothing; the claim has noted it under its name.

    A call is a hint like Celery's: it may be lost with the process, or find that another has taken the job.

    Args:
        client: Sends no command again: a wait that broke off would begin anew, with its whole time.

    Attributes:
        name: Unique among the processes of all hosts.
    """

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._redis = client
        self.name = name
        timeout: float = client.connection_pool.connection_kwargs["socket_timeout"]
        self._longest_seconds = _SHARE_OF_TIMEOUT * timeout if timeout >= _LEAST_TIMEOUT_SECONDS else 0.0

    def bounded(self, seconds: float) -> float:
        """Give how long a process with so much time left should wait; 0 if not at all."""
        return 0.0 if seconds < _SHORTEST_SECONDS else min(seconds, self._longest_seconds)

    def wait(self, seconds: float) -> Call | None:
        """Wait to be called; None when the time is over.

        Raises:
            JobStoreUnavailableError: Redis does not answer, or has become a replica.
        """
        with redis_errors_translated():
            called: Any = self._redis.blpop([keys.WANTED + self.name], timeout=seconds)
        return None if called is None else Call(called[1])
