"""Redis behind TLS, behind a network that cuts, delays and half-opens connections, and as a cluster."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError
from prometheus_client import Counter

from common.errors import JobStoreUnavailableError, UnsafeRedisError
from common.jobs.record import NewJob, new_job_id, new_job_ids
from common.jobs.store import JobStore
from common.queues import QueueName
from common.redis_client import connect, require_broker, require_durable
from common.redis_urls import celery_broker
from common.settings import Settings
from infra.local.redis_server import find_redis_server, redis_configuration
from tests.announcing_store import AnnouncingStore
from tests.chaos.link import Line, Link
from tests.fixtures.distant_redis import Certificates
from tests.fixtures.redis import RedisServer, free_port
from tests.waiting import wait_until
from web.publisher import Publisher

_TIMEOUT = 0.5


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


@pytest.fixture
def settings(
    redis_url: str, make_tls_door: Callable[[int], Link], certificates: Certificates
) -> Callable[..., Settings]:
    """Settings of a Redis that lets in whoever shows a certificate; some of them changed."""
    door = make_tls_door(port_of(redis_url))

    def make(**changes: str) -> Settings:
        given = {
            "DENTIQ_REDIS_URL": f"rediss://127.0.0.1:{door.port}/0",
            "DENTIQ_REDIS_CA_FILE": str(certificates.ca),
            "DENTIQ_REDIS_CERT_FILE": str(certificates.certificate),
            "DENTIQ_REDIS_KEY_FILE": str(certificates.key),
        } | changes
        return Settings.from_env({name: value for name, value in given.items() if value})

    return make


def test_jobs_and_hints_travel_over_tls_with_certificates_on_both_sides(
    settings: Callable[..., Settings], redis_url: str
) -> None:
    made = settings()
    with connect(made.effective_job_store_url, timeout_seconds=5, max_connections=4) as client:
        store = AnnouncingStore(client)
        job_id = new_job_id()
        store.create([NewJob(job_id, QueueName.INTERACTIVE, "a.jpg")])
        assert store.get(job_id).filename == "a.jpg"
    publisher = Publisher(made.effective_redis_url, pool_size=2, unsent=Counter("unsent", "Unsent", registry=None))
    assert publisher.publish(QueueName.INTERACTIVE)
    with redis.Redis.from_url(redis_url) as plain:
        assert plain.llen("interactive") == 1


@pytest.mark.parametrize(
    "without",
    [{"DENTIQ_REDIS_CA_FILE": ""}, {"DENTIQ_REDIS_CERT_FILE": "", "DENTIQ_REDIS_KEY_FILE": ""}],
    ids=["unknown authority", "no certificate of ours"],
)
def test_a_certificate_that_is_not_trusted_ends_the_connection(
    settings: Callable[..., Settings], without: dict[str, str]
) -> None:
    made = settings(**without)
    with (
        connect(made.effective_job_store_url, timeout_seconds=2, max_connections=4) as client,
        pytest.raises(JobStoreUnavailableError),
    ):
        JobStore(client).counts()
    app = Celery(set_as_current=False)
    app.conf.update(celery_broker(made.effective_redis_url), broker_connection_retry=False)
    with app.connection_for_write() as connection, pytest.raises((OperationalError, OSError)):
        connection.ensure_connection(max_retries=1, interval_start=0)


def test_a_sentinel_that_breaks_off_is_left_for_the_next_one_at_once() -> None:
    asked = []

    def break_off(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                asked.append(connection)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=break_off, args=(server,), daemon=True).start()
        url = f"sentinel://127.0.0.1:{server.getsockname()[1]}/0?master=m"
        with (
            connect(url, timeout_seconds=_TIMEOUT, max_connections=2, retries=0) as client,
            pytest.raises(JobStoreUnavailableError),
        ):
            JobStore(client).counts()
        server.shutdown(socket.SHUT_RDWR)
    assert len(asked) == 1


@pytest.fixture
def cluster_port(tmp_path: Path) -> Iterator[int]:
    """Port of a Redis that runs as a cluster."""
    # Its bus listens 10,000 above, which must be a port as well.
    port = next(port for port in iter(free_port, None) if port <= 55_000)
    configuration = tmp_path / "redis.conf"
    text = redis_configuration(port=port, folder=tmp_path) + "cluster-enabled yes\n"
    configuration.write_text(text, encoding="utf-8")
    with (tmp_path / "redis.log").open("ab") as log:
        process = subprocess.Popen([find_redis_server(), configuration], stdout=log, stderr=log)
    wait_until(RedisServer(tmp_path, port).answers, 20, what="a cluster of one")
    yield port
    process.kill()
    process.wait()


def test_a_cluster_is_refused_as_job_store_and_as_broker_by_a_sentence(cluster_port: int) -> None:
    sentence = "runs as a cluster, which Celery's Redis transport cannot use"
    for database in (0, 1):  # where the job store lies by default, a cluster has no database at all
        url = f"redis://127.0.0.1:{cluster_port}/{database}"
        with connect(url, timeout_seconds=2, max_connections=4) as client:
            with pytest.raises(UnsafeRedisError, match=sentence):
                require_durable(client)
            with pytest.raises(UnsafeRedisError, match=sentence):
                require_broker(client)


def test_beat_does_not_start_on_a_cluster(cluster_port: int, tmp_path: Path) -> None:
    given = {"DENTIQ_REDIS_URL": f"redis://127.0.0.1:{cluster_port}/0", "DENTIQ_DATA_DIR": str(tmp_path)}
    beat = [sys.executable, "-m", "celery", "-A", "worker.app:app", "beat"]
    ended = subprocess.run(beat, env=os.environ | given, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "dentiq beat: This Redis cannot be the broker: it runs as a cluster" in ended.stderr


@pytest.fixture
def link(redis_url: str, make_link: Callable[[int], Link]) -> Link:
    return make_link(port_of(redis_url))


@pytest.mark.parametrize("line", [Line.CUT, Line.MUTE, Line.DEAF])
def test_a_connection_that_breaks_or_hangs_is_told_in_time_and_the_next_one_works(link: Link, line: Line) -> None:
    with connect(f"redis://127.0.0.1:{link.port}/1", timeout_seconds=_TIMEOUT, max_connections=2) as client:
        store = JobStore(client)
        store.counts()
        link.set(line, reset=line is Line.CUT)
        for _ in range(3):  # more often than the pool has connections: none of them is lost
            with pytest.raises(JobStoreUnavailableError):
                store.counts()
        link.set(Line.OPEN)
        assert store.counts() == {}


def test_a_slow_line_is_waited_for(link: Link) -> None:
    with connect(f"redis://127.0.0.1:{link.port}/1", timeout_seconds=5, max_connections=2) as client:
        store = AnnouncingStore(client)
        link.set(Line.OPEN, delay_seconds=0.1)
        job_id = new_job_id()
        store.create([NewJob(job_id, QueueName.BULK, "a.jpg")])
        assert store.get(job_id).filename == "a.jpg"


def test_a_connection_that_was_closed_while_idle_is_replaced_unseen(link: Link) -> None:
    with connect(f"redis://127.0.0.1:{link.port}/1", timeout_seconds=5, max_connections=2) as client:
        store = JobStore(client)
        store.counts()
        link.set(Line.OPEN, reset=True)
        assert store.counts() == {}


@pytest.mark.parametrize("count", [1, 64])
def test_reading_and_writing_jobs_costs_one_round_trip_however_many(redis_url: str, count: int) -> None:
    job_store_url = redis_url.removesuffix("0") + "1"
    with (
        connect(job_store_url, timeout_seconds=5, max_connections=1) as client,
        connect(job_store_url, timeout_seconds=5, max_connections=1) as watcher,
    ):
        store = JobStore(client)
        jobs = [NewJob(job_id, QueueName.BULK, "a.jpg") for job_id in new_job_ids(count)]
        steps: list[Callable[[], object]] = [
            lambda: store.announce_uploads([job.id for job in jobs], grace_seconds=60),
            lambda: store.create(jobs),
            lambda: store.read_many([job.id for job in jobs]),
            lambda: store.claim({QueueName.BULK: count}, lease_seconds=60),
        ]
        # Redis is known to be durable, and knows the scripts, from here on.
        store.announce_uploads([], grace_seconds=60)
        store.create([])
        store.read_many([])
        store.claim({}, lease_seconds=60)
        with watcher.monitor() as seen:
            for step in steps:
                step()
                client.echo("end of step")
                assert commands_until_echo(seen) == ["EVALSHA"]


def commands_until_echo(seen: Any) -> list[str]:
    """Name what clients sent, up to an ECHO; what scripts call is no round trip."""
    names: list[str] = []
    while True:
        found = seen.next_command()
        name = found["command"].split()[0]
        if name == "ECHO":
            return names
        if found["client_type"] != "lua":
            names.append(name)


def test_fifty_threads_share_a_bounded_pool_and_all_are_served(make_redis: Callable[[], RedisServer]) -> None:
    server = make_redis()
    most = 8
    with (
        connect(server.url, timeout_seconds=10, max_connections=most) as client,
        connect(server.url, timeout_seconds=10, max_connections=1) as watcher,
        ThreadPoolExecutor(50) as threads,
    ):
        store = AnnouncingStore(client)
        watcher.ping()
        before = int(watcher.info("stats")["total_connections_received"])
        made = list(
            threads.map(
                lambda number: store.create([NewJob(new_job_id(), QueueName.BULK, f"{number}.jpg")]), range(500)
            )
        )
        assert len(made) == 500
        # Ever, not at a time: a connection that is given back is used again.
        assert int(watcher.info("stats")["total_connections_received"]) - before <= most
        wait_until(lambda: store.depth(QueueName.BULK) == 500)
