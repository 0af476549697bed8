import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest
import redis

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


class VersionedRedis(redis.Redis):
    """A client that is told another version than its Redis has."""

    version = ""

    def info(self, *sections: str, **options: Any) -> dict[str, Any]:
        return {**super().info(*sections, **options), "redis_version": self.version}


@pytest.fixture
def told(redis_url: str) -> Iterator[VersionedRedis]:
    with VersionedRedis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.mark.parametrize("version", ["3.2.100", "5.0.14", "6.0.16"])
def test_a_redis_that_lacks_commands_of_ours_is_refused_by_its_version(told: VersionedRedis, version: str) -> None:
    told.version = version
    with pytest.raises(UnsafeRedisError, match=rf"it is version {version} \(take 6\.2 or newer\)"):
        require_durable(told)


@pytest.mark.parametrize("version", ["6.2.0", "6.3.4", "7.2.4", "10.0.1", "255.255.255", "unstable"])
def test_a_redis_that_is_not_known_to_be_too_old_is_accepted(told: VersionedRedis, version: str) -> None:
    told.version = version
    require_durable(told)


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
        job = NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")
        store.announce_uploads([job.id], grace_seconds=60)
        client.config_set("maxmemory", "100kb")  # an empty Redis needs more
        with pytest.raises(JobStoreUnavailableError, match="refuses"):
            store.create([job])
        assert store.depth(QueueName.INTERACTIVE) == 0
        assert store.counts() == {}


def test_a_silent_redis_costs_one_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with connect(url, timeout_seconds=0.3, max_connections=4) as client:
            started = monotonic()
            with pytest.raises(JobStoreUnavailableError, match="does not answer"):
                JobStore(client).counts()
            assert monotonic() - started < 2 * 0.3


def test_something_else_than_redis_is_named_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_as_a_web_server, args=(server,), daemon=True)
        thread.start()
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        with (
            connect(url, timeout_seconds=2, max_connections=4) as client,
            pytest.raises(JobStoreUnavailableError, match="is no Redis"),
        ):
            JobStore(client).counts()


def _answer_as_a_web_server(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 8)
