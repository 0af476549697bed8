"""What a pool process does while no job waits: it waits to be called, but never while a Celery message does."""

import secrets
from typing import Final

import redis

from common.jobs.idle import Call, IdleProcess
from common.queues import CONSUMED_QUEUES
from common.redis_client import connect
from common.settings import Settings

# A task that waits ends after so much of the time between two sweeps: later than beat sends the next one, so that of
# two processes one always waits at the job store; not much later, for one process alone lets the sweep wait for it.
_SWEEPS: Final = 1.5

# And no later than this, for a stopping worker waits for it too.
_MOST_SECONDS: Final = 1.5

# A broker that does not tell at once whether it has messages is left to Celery.
_BROKER_SECONDS: Final = 1.0


class Idling:
    """Wait at the job store for the rest of a task's time.

    Args:
        process: Name of the process; it need not be unique.

    Attributes:
        name: Under which a claim notes the process.
    """

    def __init__(self, settings: Settings, process: str) -> None:
        self._task_seconds = min(_MOST_SECONDS, _SWEEPS * settings.sweep_interval_seconds)
        self._job_store = connect(
            settings.effective_job_store_url,
            timeout_seconds=settings.redis_timeout_seconds,
            max_connections=1,
            retries=0,
        )
        self._broker = connect(
            settings.effective_redis_url, timeout_seconds=_BROKER_SECONDS, max_connections=1, retries=0
        )
        # Containers of one host name have processes of one number.
        self._idle = IdleProcess(self._job_store, f"{process}:{secrets.token_hex(4)}")
        self.name = self._idle.name

    def left(self, spent_seconds: float) -> float:
        """Give how long a task that has lasted so long should wait; 0 if not at all."""
        return self._idle.bounded(self._task_seconds - spent_seconds)

    def wait(self, seconds: float) -> Call | None:
        """Wait to be called, where no Celery message waits for a process; None when the time is over.

        Raises:
            JobStoreUnavailableError: Redis does not answer.
        """
        return Call.TASK if self._messages_wait() else self._idle.wait(seconds)

    def close(self) -> None:
        """Leave Redis."""
        self._job_store.close()
        self._broker.close()

    def _messages_wait(self) -> bool:
        """Whether the broker has messages, or does not tell: a sweep, a heat map, hints that nobody took."""
        try:
            return bool(self._broker.exists(*CONSUMED_QUEUES))
        except (redis.RedisError, OSError):
            return True
