"""A Redis that stops keeping jobs while web and workers run, as a copy may that takes the master's place."""

from collections.abc import Callable

import pytest
import redis

from common.durability import Durability
from common.errors import JobStoreUnavailableError, UnsafeRedisError
from common.jobs.record import NewJob, new_job_id
from common.queues import QueueName
from common.redis_client import connect
from tests.announcing_store import AnnouncingStore
from tests.fixtures.redis import RedisServer


def new_job() -> NewJob:
    return NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")


def test_after_an_outage_no_job_is_taken_or_worked_on_before_redis_is_looked_at_anew(
    make_redis: Callable[[], RedisServer],
) -> None:
    server = make_redis()
    with connect(server.url, timeout_seconds=2, max_connections=4) as client:
        store = AnnouncingStore(client)
        store.create([new_job()])
        server.kill()
        with pytest.raises(JobStoreUnavailableError):
            store.counts()
        server.start()
        client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(UnsafeRedisError, match="set `maxmemory-policy noeviction`"):
            store.create([new_job()])
        with pytest.raises(UnsafeRedisError, match="set `maxmemory-policy noeviction`"):
            store.claim({QueueName.INTERACTIVE: 8}, lease_seconds=60)
        assert store.depth(QueueName.INTERACTIVE) == 1
        client.config_set("maxmemory-policy", "noeviction")
        store.create([new_job()])
        assert store.depth(QueueName.INTERACTIVE) == 2


@pytest.fixture
def client(make_redis: Callable[[], RedisServer]):
    with connect(make_redis().url, timeout_seconds=2, max_connections=4) as connected:
        yield connected


def test_what_was_seen_holds_for_a_while_and_costs_redis_nothing(client: redis.Redis) -> None:
    durability = Durability(client, look_seconds=3600)
    durability.require()
    client.config_set("appendonly", "no")
    durability.require()


def test_then_redis_is_looked_at_again_without_an_outage(client: redis.Redis) -> None:
    durability = Durability(client, look_seconds=0)
    durability.require()
    client.config_set("appendonly", "no")
    with pytest.raises(UnsafeRedisError, match="set `appendonly yes`"):
        durability.require()


def test_what_is_refused_is_looked_at_each_time(client: redis.Redis) -> None:
    durability = Durability(client, look_seconds=3600)
    client.config_set("maxmemory-policy", "allkeys-lru")
    for _ in range(2):
        with pytest.raises(UnsafeRedisError):
            durability.require()
    client.config_set("maxmemory-policy", "noeviction")
    durability.require()
