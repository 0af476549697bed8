"""The register of workers: which processes hold a model and have been heard of lately."""

from typing import Any

import orjson
import redis

from common.jobs import keys
from common.jobs.record import WorkerInfo
from common.redis_client import redis_errors_translated


class WorkerRegister:
    """Note and list live workers; an entry ends by itself when its worker stops renewing it."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def renew(self, worker: WorkerInfo, *, life_seconds: float) -> None:
        """Say that a worker holds a model and is alive."""
        body = orjson.dumps({"version": worker.model_version, "runtime": worker.runtime, "device": worker.device})
        with redis_errors_translated():
            pipe = self._redis.pipeline()
            pipe.set(keys.WORKER + worker.name, body, px=int(life_seconds * 1000))
            pipe.sadd(keys.WORKERS, worker.name)
            pipe.execute()

    def leave(self, name: str) -> None:
        """Take a worker off that stops in good order."""
        with redis_errors_translated():
            pipe = self._redis.pipeline()
            pipe.delete(keys.WORKER + name)
            pipe.srem(keys.WORKERS, name)
            pipe.execute()

    def alive(self) -> list[WorkerInfo]:
        """List the live workers, ordered by name."""
        with redis_errors_translated():
            members: Any = self._redis.smembers(keys.WORKERS)
            names: list[str] = sorted(members)
            bodies: Any = self._redis.mget([keys.WORKER + name for name in names]) if names else []
            gone = [name for name, body in zip(names, bodies, strict=True) if body is None]
            if gone:
                self._redis.srem(keys.WORKERS, *gone)
        return [_worker(name, body) for name, body in zip(names, bodies, strict=True) if body is not None]


def _worker(name: str, body: str) -> WorkerInfo:
    fields = orjson.loads(body)
    return WorkerInfo(name, fields["version"], fields["runtime"], fields["device"])
