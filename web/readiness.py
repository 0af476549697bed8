"""Whether this platform can take and do work now, and what is missing when it cannot."""

import redis

from common.errors import JobStoreUnavailableError, UnsafeRedisError
from common.jobs.workers import WorkerRegister
from common.redis_client import require_durable


class Readiness:
    """Check the job store and the workers."""

    def __init__(self, client: redis.Redis, workers: WorkerRegister) -> None:
        self._redis = client
        self._workers = workers

    def missing(self) -> list[str]:
        """List in sentences what keeps the platform from working; empty when it is ready."""
        try:
            require_durable(self._redis)
            alive = self._workers.alive()
        except (JobStoreUnavailableError, UnsafeRedisError) as error:
            return [error.message]
        return [] if alive else ["No worker with a model is registered; start one."]
