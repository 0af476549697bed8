"""Waiting for a job's end."""

import threading
from collections.abc import Iterator
from time import monotonic

import pytest
import redis

from common.errors import JobNotFoundError
from common.jobs.finished import FinishedJobs
from common.jobs.record import Job, JobStatus
from tests.waiting import wait_until


@pytest.fixture
def finished(client, store) -> Iterator[FinishedJobs]:
    made = FinishedJobs(client, store)
    yield made
    made.close()


def _wait_in_thread(finished: FinishedJobs, job_id: str, seconds: float) -> tuple[threading.Thread, list[Job]]:
    answers: list[Job] = []
    thread = threading.Thread(target=lambda: answers.append(finished.wait(job_id, timeout_seconds=seconds)))
    thread.start()
    return thread, answers


def _subscriptions(client: redis.Redis) -> int:
    # Those of other tests live until their process ends.
    return int(client.pubsub_numsub("dentiq:finished")[0][1])


def test_a_waiter_is_woken_when_its_job_ends(client, store, verbs, finished) -> None:
    before = _subscriptions(client)
    first, second = verbs.submit(2)
    claims = verbs.claim()
    thread, answers = _wait_in_thread(finished, second, 30)
    wait_until(lambda: _subscriptions(client) > before, what="the subscription")
    started = monotonic()
    verbs.succeed(claims[1])
    thread.join(timeout=5)
    assert [job.status for job in answers] == [JobStatus.SUCCEEDED]
    assert monotonic() - started < 0.5  # looking anyway would take up to a second
    assert store.get(first).status is JobStatus.RUNNING


def test_a_wait_ends_with_the_job_as_it_stands(verbs, finished) -> None:
    (job_id,) = verbs.submit()
    assert finished.wait(job_id, timeout_seconds=0.05).status is JobStatus.QUEUED


def test_an_ended_job_is_answered_at_once(verbs, finished) -> None:
    (job_id,) = verbs.submit()
    verbs.succeed(verbs.claim()[0])
    started = monotonic()
    assert finished.wait(job_id, timeout_seconds=30).status is JobStatus.SUCCEEDED
    assert monotonic() - started < 1


def test_waiting_for_an_unknown_job_is_an_error(finished) -> None:
    with pytest.raises(JobNotFoundError):
        finished.wait("nosuchjob", timeout_seconds=1)


def test_a_job_that_is_erased_meanwhile_ends_the_wait(client, store, verbs, finished) -> None:
    (job_id,) = verbs.submit()
    before = _subscriptions(client)
    caught: list[str] = []

    def wait() -> None:
        try:
            finished.wait(job_id, timeout_seconds=30)
        except JobNotFoundError as error:
            caught.append(error.code)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: _subscriptions(client) > before, what="the subscription")
    store.erase(job_id)
    thread.join(timeout=5)
    assert caught == ["job_not_found"]


def test_a_listener_ends_before_its_client_is_closed(verbs, finished) -> None:
    before = set(threading.enumerate())
    (job_id,) = verbs.submit()
    finished.wait(job_id, timeout_seconds=0.05)
    assert set(threading.enumerate()) - before
    finished.close()
    assert not set(threading.enumerate()) - before
