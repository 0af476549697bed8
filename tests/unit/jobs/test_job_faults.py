"""What the store does when workers die, fall silent, come back late, or meet faults that pass."""

import pytest
import redis

from common.errors import UnsafeRedisError
from common.jobs.record import Failure, JobStatus, NewJob, new_job_id
from common.jobs.store import JobStore
from common.queues import QueueName
from tests.scale.commands import counted


def test_jobs_of_a_silent_worker_are_queued_again_in_their_old_place(store, verbs) -> None:
    lost = verbs.submit(2)
    verbs.lose()
    (younger,) = verbs.submit()
    assert store.repair(max_attempts=3).requeued == 2
    assert [store.get(job_id).position for job_id in [*lost, younger]] == [1, 2, 3]


def test_a_live_lease_is_not_taken_away(store, verbs) -> None:
    verbs.submit()
    verbs.claim(lease_seconds=60)
    assert store.repair(max_attempts=3).requeued == 0
    assert store.running() == 1


def test_a_writer_whose_lease_was_taken_over_is_refused(store, verbs) -> None:
    (job_id,) = verbs.submit()
    (stale,) = verbs.lose()
    store.repair(max_attempts=3)
    assert not verbs.succeed(stale)
    (fresh,) = verbs.claim()
    assert not verbs.succeed(stale)
    assert verbs.succeed(fresh, "ulcer")
    assert store.get(job_id).predictions[0].label == "ulcer"
    assert store.get(job_id).attempts == 2
    assert store.counts()["succeeded"] == 1


def test_a_renewed_lease_outlives_its_first_end(store, verbs) -> None:
    verbs.submit()
    claims = verbs.lose()
    assert store.renew(claims, lease_seconds=60) == 1
    assert store.repair(max_attempts=3).requeued == 0


def test_a_lost_lease_cannot_be_renewed(store, verbs) -> None:
    verbs.submit()
    stale = verbs.lose()
    store.repair(max_attempts=3)
    verbs.claim()
    assert store.renew(stale, lease_seconds=60) == 0


def test_a_job_that_lost_its_worker_is_tried_alone(store, verbs) -> None:
    verbs.submit(3)
    verbs.lose()
    store.repair(max_attempts=3)
    verbs.submit(2)
    assert [len(verbs.claim()) for _ in range(4)] == [1, 1, 1, 2]


def test_a_poison_job_fails_after_its_last_attempt_and_its_neighbours_succeed(store, verbs) -> None:
    poison, *neighbours = verbs.submit(4)
    verbs.lose()  # the whole chunk dies with it
    for _ in range(2):
        store.repair(max_attempts=3)
        for claim in iter(lambda: next(iter(verbs.claim(lease_seconds=0)), None), None):
            if claim.job_id != poison:
                assert verbs.succeed(claim)
    store.repair(max_attempts=3)
    failed = store.get(poison)
    assert failed.status is JobStatus.FAILED
    assert failed.error is not None
    assert failed.error.code == "poison"
    assert failed.attempts == 3
    assert {store.get(job_id).status for job_id in neighbours} == {JobStatus.SUCCEEDED}


def test_a_passing_fault_postpones_a_job_until_it_is_due(store, verbs) -> None:
    (job_id,) = verbs.submit()
    (claim,) = verbs.claim()
    store.postpone([Failure(claim, "storage_unavailable", "down")], max_attempts=3, delay_seconds=60)
    assert store.get(job_id).status is JobStatus.QUEUED
    assert verbs.claim() == []
    assert store.repair(max_attempts=3).woken == 0


def test_a_postponed_job_runs_when_it_is_due(store, verbs) -> None:
    (job_id,) = verbs.submit()
    (claim,) = verbs.claim()
    store.postpone([Failure(claim, "storage_unavailable", "down")], max_attempts=3, delay_seconds=0)
    assert store.repair(max_attempts=3).woken == 1
    assert [again.attempt for again in verbs.claim()] == [2]
    assert store.get(job_id).status is JobStatus.RUNNING


def test_a_fault_that_does_not_pass_fails_the_job_with_its_reason(store, verbs) -> None:
    (job_id,) = verbs.submit()
    for _ in range(3):
        (claim,) = verbs.claim()
        store.postpone([Failure(claim, "storage_unavailable", "down")], max_attempts=3, delay_seconds=0)
        store.repair(max_attempts=3)
    job = store.get(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == "storage_unavailable"


def test_an_erased_job_does_not_come_back_from_a_postponement(store, verbs) -> None:
    (job_id,) = verbs.submit()
    (claim,) = verbs.claim()
    store.postpone([Failure(claim, "storage_unavailable", "down")], max_attempts=3, delay_seconds=0)
    store.erase(job_id)
    assert store.repair(max_attempts=3).woken == 0
    assert verbs.claim() == []


@pytest.mark.parametrize("queue", list(QueueName))
def test_a_batch_counts_lost_jobs_as_queued_again(store, batches, verbs, queue: QueueName) -> None:
    batches.create("b", name="", life_seconds=3600)
    verbs.submit(2, queue=queue, batch_id="b")
    verbs.lose()
    assert batches.get("b").counts[JobStatus.RUNNING] == 2
    store.repair(max_attempts=3)
    assert batches.get("b").counts[JobStatus.QUEUED] == 2
    assert batches.get("b").counts[JobStatus.RUNNING] == 0


def test_a_claim_whose_answer_was_lost_gets_the_same_jobs_again(store, verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    verbs.submit(3)
    monkeypatch.setattr("secrets.token_hex", lambda _size: "the-same-token")
    first = store.claim({QueueName.INTERACTIVE: 2}, lease_seconds=60)
    assert store.claim({QueueName.INTERACTIVE: 2}, lease_seconds=60) == first
    assert store.running() == 2


def test_no_job_is_taken_by_a_redis_that_turns_out_unsafe(client: redis.Redis) -> None:
    client.config_set("appendonly", "no")
    try:
        with pytest.raises(UnsafeRedisError):
            JobStore(client).create([NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")])
    finally:
        client.config_set("appendonly", "yes")
    assert client.dbsize() == 0


def test_counters_move_once_however_many_jobs_a_step_takes(store, verbs, redis_url: str) -> None:
    verbs.submit(8)
    failures = [Failure(claim, "inference_failed", "No answer.") for claim in verbs.claim()]
    with counted(redis_url) as given_back:
        store.postpone(failures, max_attempts=3, delay_seconds=60)
    verbs.submit(8)
    verbs.lose()
    with counted(redis_url) as poisoned:
        store.repair(max_attempts=1)
    verbs.submit(8)
    verbs.lose()
    with counted(redis_url) as repaired:
        store.repair(max_attempts=3)
    # Of those that end, two: their status and their error's code.
    assert [step.within["HINCRBY"] for step in (given_back, poisoned, repaired)] == [1, 2, 1]
    counts = store.counts()
    assert (counts["postponed"], counts["error poison"], counts["lease_expired"]) == (8, 8, 8)
