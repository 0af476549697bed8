"""Images whose announcement is over before their jobs are made: the sweeper may have erased them, so none is made."""

import time

import pytest
import redis

from common.errors import JobNotFoundError, UnavailableError
from common.jobs.record import IdempotencyKey, NewJob, new_job_id
from common.jobs.store import JobStore
from common.queues import QueueName


@pytest.fixture
def store(client: redis.Redis) -> JobStore:
    """One that announces only what a test announces."""
    return JobStore(client)


def new_job() -> NewJob:
    return NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")


def announced(store: JobStore, *, grace_seconds: float) -> NewJob:
    job = new_job()
    store.announce_uploads([job.id], grace_seconds=grace_seconds)
    return job


def refuse(store: JobStore, *jobs: NewJob, idempotency: IdempotencyKey | None = None) -> None:
    """Have jobs refused, and see that nothing of them is there."""
    with pytest.raises(UnavailableError, match="stood still") as refusal:
        store.create(jobs, idempotency=idempotency)
    assert (refusal.value.code, refusal.value.http_status, refusal.value.retryable) == ("unavailable", 503, True)
    for job in jobs:
        with pytest.raises(JobNotFoundError):
            store.get(job.id)
    assert (store.depth(QueueName.INTERACTIVE), store.counts()) == (0, {})


def due_in_a_minute(store: JobStore, client: redis.Redis) -> list[str]:
    for job_id, due in client.zrange("dentiq:derived", 0, -1, withscores=True):
        assert due > time.time() * 1e6
        client.zadd("dentiq:derived", {job_id: 1}, xx=True)
    return store.due_erasures()


def test_an_image_that_is_due_for_erasure_becomes_no_job_and_stays_due(store: JobStore) -> None:
    job = announced(store, grace_seconds=0)
    refuse(store, job)
    assert store.due_erasures() == [job.id]


def test_an_image_that_was_erased_becomes_no_job_and_is_erased_again(store: JobStore, client: redis.Redis) -> None:
    job = announced(store, grace_seconds=0)
    store.confirm_erased(store.due_erasures())
    refuse(store, job)
    # Its sender may have stored it only after the erasure.
    assert due_in_a_minute(store, client) == [job.id]


def test_an_image_that_comes_amid_its_erasure_is_erased_again(store: JobStore, client: redis.Redis) -> None:
    job = announced(store, grace_seconds=0)
    erased = store.due_erasures()
    refuse(store, job)
    store.confirm_erased(erased)
    assert due_in_a_minute(store, client) == [job.id]


def test_one_image_that_is_due_refuses_all_of_its_request(store: JobStore) -> None:
    good = announced(store, grace_seconds=60)
    late = announced(store, grace_seconds=0)
    refuse(store, good, late)
    assert store.due_erasures() == [late.id]
    assert store.create([good]).job_ids == (good.id,)


def test_a_refused_request_leaves_its_idempotency_key_unused(store: JobStore) -> None:
    key = IdempotencyKey("k", "digest")
    refuse(store, announced(store, grace_seconds=0), idempotency=key)
    job = announced(store, grace_seconds=60)
    made = store.create([job], idempotency=key)
    assert (made.replayed, made.job_ids) == (False, (job.id,))


def test_a_repetition_answers_the_first_job_however_late_its_own_image_is(store: JobStore) -> None:
    key = IdempotencyKey("k", "digest")
    first = store.create([announced(store, grace_seconds=60)], idempotency=key)
    again = store.create([announced(store, grace_seconds=0)], idempotency=key)
    assert (again.replayed, again.job_ids) == (True, first.job_ids)


def test_a_create_that_is_sent_again_finds_its_job_though_its_announcement_is_gone(store: JobStore) -> None:
    job = announced(store, grace_seconds=60)
    assert store.create([job]).job_ids == store.create([job]).job_ids == (job.id,)
    assert store.counts()["submitted"] == 1


def test_a_create_that_is_sent_again_brings_no_erased_job_back(store: JobStore) -> None:
    job = announced(store, grace_seconds=60)
    store.create([job])
    store.erase(job.id)
    with pytest.raises(UnavailableError):
        store.create([job])
    assert store.due_erasures() == [job.id]
