from collections.abc import Callable
from typing import Any

import pytest

from common.errors import JobStoreUnavailableError, UnsafeRedisError
from common.jobs.record import NewJob, new_job_id
from common.jobs.store import JobStore
from common.queues import QueueName
from common.redis_client import connect, require_durable


def test_a_redis_that_keeps_everything_is_accepted(redis_url: str) -> None:
    with connect(redis_url, timeout_seconds=2, max_connections=4) as client:
        require_durable(client)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("appendonly", "no", "set `appendonly yes`"),
        ("maxmemory-policy", "allkeys-lru", "set `maxmemory-policy noeviction`"),
    ],
)
def test_a_redis_that_would_drop_jobs_is_refused_with_the_remedy(
    make_redis: Callable[[], Any], name: str, value: str, sentence: str
) -> None:
    with connect(make_redis().url, timeout_seconds=2, max_connections=4) as client:
        client.config_set(name, value)
        with pytest.raises(UnsafeRedisError, match=sentence):
            require_durable(client)


def test_a_dead_redis_is_unavailable_and_a_restarted_one_works_again(make_redis: Callable[[], Any]) -> None:
    server = make_redis()
    with connect(server.url, timeout_seconds=2, max_connections=4) as client:
        store = JobStore(client)
        store.register_labels("v1", ["caries"])
        server.kill()
        with pytest.raises(JobStoreUnavailableError, match="does not answer"):
            store.counts()
        server.start()
        assert store.repair(max_attempts=3).requeued == 0  # the scripts are sent again by themselves


def test_a_full_redis_refuses_new_jobs_whole(make_redis: Callable[[], Any]) -> None:
    with connect(make_redis().url, timeout_seconds=2, max_connections=4) as client:
        store = JobStore(client)
        client.config_set("maxmemory", "100kb")  # an empty Redis needs more
        with pytest.raises(JobStoreUnavailableError, match="refuses"):
            store.create([NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")])
        assert store.depth(QueueName.INTERACTIVE) == 0
        assert store.counts() == {}
