"""Processes that wait at the job store: who is called for what, and who is not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.errors import JobStoreUnavailableError
from common.jobs.explanations import ExplanationRegister
from common.jobs.idle import Call, IdleProcess
from common.jobs.record import IdempotencyKey, NewJob, new_job_id
from common.queues import QueueName
from common.redis_client import connect
from tests.fixtures.redis import RedisServer
from tests.unit.jobs.conftest import LIMITS
from tests.waiting import wait_until

LONG = 30.0


def go_idle(store, process: str, *, seconds: float = LONG) -> None:
    assert store.claim(LIMITS, lease_seconds=60, process=process, wait_seconds=seconds) == []


def new_jobs(count: int) -> list[NewJob]:
    return [NewJob(new_job_id(), QueueName.BULK, f"{number}.jpg") for number in range(count)]


def test_who_found_nothing_is_called_by_the_next_job(client, store, verbs) -> None:
    go_idle(store, "p1")
    (job,) = new_jobs(1)
    assert store.create([job]).called == 1
    assert IdleProcess(client, "p1").wait(1) is Call.JOBS
    assert [claim.job_id for claim in verbs.claim()] == [job.id]


def test_who_was_called_is_not_called_again(store) -> None:
    go_idle(store, "p1")
    assert [store.create(new_jobs(1)).called for _ in range(3)] == [1, 0, 0]


@pytest.mark.parametrize(("jobs", "called"), [(1, 1), (4, 1), (5, 2), (64, 3)])
def test_no_more_are_called_than_the_jobs_are_worth(store, jobs: int, called: int) -> None:
    for number in range(3):
        go_idle(store, f"p{number}")
    assert store.create(new_jobs(jobs)).called == called


def test_who_looked_again_and_got_jobs_is_not_called(store, verbs) -> None:
    go_idle(store, "first")
    go_idle(store, "second")  # the one that is called
    verbs.submit()
    assert store.claim(LIMITS, lease_seconds=60, process="first", wait_seconds=LONG)
    assert store.create(new_jobs(1)).called == 0


def test_who_no_more_waits_is_not_called(store) -> None:
    go_idle(store, "p1")
    go_idle(store, "p1", seconds=0)
    assert store.create(new_jobs(1)).called == 0


def test_who_died_while_waiting_is_not_called_when_its_time_is_over(client, store) -> None:
    go_idle(store, "dead", seconds=0.02)
    assert IdleProcess(client, "another").wait(0.05) is None  # the time passes
    assert store.create(new_jobs(1)).called == 0


def test_a_repeated_request_calls_nobody(store, verbs) -> None:
    key = IdempotencyKey("k", "digest")
    store.create(new_jobs(1), idempotency=key)
    assert verbs.claim()
    go_idle(store, "p1")
    assert store.create(new_jobs(1), idempotency=key).called == 0


def test_jobs_that_come_back_from_a_silent_worker_call_whoever_waits(client, store, verbs) -> None:
    verbs.submit()
    verbs.lose()
    go_idle(store, "p1")
    assert store.repair(max_attempts=3).requeued == 1
    assert IdleProcess(client, "p1").wait(1) is Call.JOBS


def test_a_heat_map_sends_a_waiting_process_back_to_celery(client, store, verbs) -> None:
    (job_id,) = verbs.submit()
    (claim,) = verbs.claim()
    verbs.succeed(claim)
    go_idle(store, "p1")
    ExplanationRegister(client).ask(job_id)
    assert IdleProcess(client, "p1").wait(1) is Call.TASK


def test_nobody_waits_longer_than_half_of_what_redis_may_take(client) -> None:
    idle = IdleProcess(client, "p1")  # of a client that gives Redis 2 s
    assert (idle.bounded(0.5), idle.bounded(5.0), idle.bounded(0.001), idle.bounded(-1.0)) == (0.5, 1.0, 0.0, 0.0)


def test_nobody_waits_at_a_redis_that_is_given_no_time(redis_url: str) -> None:
    with connect(redis_url, timeout_seconds=0.1, max_connections=1) as hasty:
        assert IdleProcess(hasty, "p1").bounded(1.5) == 0.0


def test_a_redis_that_becomes_a_replica_ends_the_wait(make_redis: Callable[[], RedisServer]) -> None:
    connected = connect(make_redis().url, timeout_seconds=60, max_connections=2, retries=0)
    with connected as client, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(IdleProcess(client, "p1").wait, LONG)
        wait_until(lambda: client.info("clients")["blocked_clients"], what="the wait")
        client.replicaof("127.0.0.1", 1)
        assert isinstance(waiting.exception(timeout=10), JobStoreUnavailableError)


def test_a_full_redis_is_told_to_no_process_that_finds_nothing(client, store) -> None:
    store.claim(LIMITS, lease_seconds=60)  # looks once whether Redis is durable
    client.config_set("maxmemory", 1)
    try:
        go_idle(store, "p1")
    finally:
        client.config_set("maxmemory", 0)
    assert store.create(new_jobs(1)).called == 0
