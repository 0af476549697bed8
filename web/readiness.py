"""Whether this platform can take and do work now, and what is missing when it cannot."""

import redis

from common.errors import DentiqError, JobStoreUnavailableError, UnsafeRedisError
from common.jobs.workers import WorkerRegister
from common.redis_client import require_broker, require_durable


class Readiness:
    """Check the job store, the broker and the workers."""

    def __init__(self, client: redis.Redis, broker: redis.Redis, workers: WorkerRegister) -> None:
        self._redis = client
        self._broker = broker
        self._workers = workers

    def missing(self) -> list[str]:
        """List in sentences what keeps the platform from working; empty when it is ready."""
        try:
            require_durable(self._redis)
            alive = self._workers.alive()
        except (JobStoreUnavailableError, UnsafeRedisError) as error:
            return [error.message]
        return [] if alive else ["No worker with a model is registered; start one."]

    def refuse_unsafe(self) -> DentiqError | None:
        """Refuse to start on a Redis that would drop jobs; one that is away may come back.

        Returns:
            The fault, when Redis does not answer.

        Raises:
            UnsafeRedisError: Redis answers and would lose accepted jobs, or cannot be the broker.
        """
        try:
            require_durable(self._redis)
            require_broker(self._broker)
        except JobStoreUnavailableError as error:
            return error
        return None
