"""The ordinary life of a job in the store: made, claimed, finished, read, erased."""

import pytest
import redis

from common.errors import IdempotencyConflictError, JobNotFoundError
from common.jobs.record import Failure, IdempotencyKey, JobStatus, NewJob, Outcome, WorkerInfo, new_job_id
from common.jobs.workers import WorkerRegister
from common.queues import QueueName


def test_a_new_job_waits_with_its_place_in_the_queue(store, verbs) -> None:
    first, second = verbs.submit(2)
    job = store.get(second)
    assert (job.status, job.position, job.attempts, job.filename) == (JobStatus.QUEUED, 2, 0, "tooth-1.jpg")
    assert store.get(first).position == 1
    assert store.depth(QueueName.INTERACTIVE) == 2


def test_a_success_is_read_back_ranked_with_its_times(store, verbs) -> None:
    (job_id,) = verbs.submit()
    (claim,) = verbs.claim()
    assert verbs.succeed(claim, "ulcer")
    job = store.get(job_id)
    assert job.status is JobStatus.SUCCEEDED
    assert job.outcome is Outcome.ANSWERED
    assert [prediction.label for prediction in job.predictions] == ["ulcer", "caries", "healthy"]
    assert job.predictions[0].probability == pytest.approx(0.9, abs=1e-5)
    assert (job.decode_seconds, job.inference_seconds) == (0.006, 0.011)
    assert job.total_seconds is not None
    assert job.queue_seconds is not None
    assert 0 <= job.queue_seconds <= job.total_seconds < 60


def test_a_failure_keeps_its_reason(store, verbs) -> None:
    (job_id,) = verbs.submit()
    (claim,) = verbs.claim()
    assert store.finish([Failure(claim, "image_truncated", "The file ends early.")]) == [True]
    job = store.get(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("image_truncated", "The file ends early.")
    assert store.counts()["error image_truncated"] == 1


def test_interactive_jobs_are_claimed_before_bulk_ones_and_never_together(store, verbs) -> None:
    bulk = verbs.submit(2, queue=QueueName.BULK)
    (single,) = verbs.submit(1)
    assert [claim.job_id for claim in verbs.claim()] == [single]
    assert [claim.job_id for claim in verbs.claim()] == bulk


def test_a_chunk_is_no_larger_than_its_queue_allows(store, verbs) -> None:
    ids = verbs.submit(5)
    assert [claim.job_id for claim in store.claim({QueueName.INTERACTIVE: 3}, lease_seconds=9)] == ids[:3]


@pytest.mark.parametrize(("alive", "chunks"), [(1, [20]), (2, [10, 5, 3, 1, 1]), (8, [3, 3, 2, 2, 2, 1])])
def test_the_last_jobs_are_shared_among_the_processes_alive(
    client, store, verbs, alive: int, chunks: list[int]
) -> None:
    register = WorkerRegister(client)
    for number in range(alive):
        register.renew(WorkerInfo(f"w{number}", "v1", "onnx", "cpu"), life_seconds=60)
    verbs.submit(20, queue=QueueName.BULK)
    assert [len(verbs.claim()) for _ in chunks] == chunks


def test_no_job_is_claimed_twice(store, verbs) -> None:
    verbs.submit(3)
    assert len(verbs.claim()) == 3
    assert verbs.claim() == []


def test_counters_move_only_with_transitions(store, batches, verbs) -> None:
    batches.create("b1", name="Monday", life_seconds=3600)
    ids = verbs.submit(3, queue=QueueName.BULK, batch_id="b1")
    claims = verbs.claim()
    verbs.succeed(claims[0])
    verbs.succeed(claims[0])  # a client library that sends the same again
    store.finish([Failure(claims[1], "image_corrupt", "unreadable")])
    store.erase(ids[2])
    batch = batches.get("b1")
    assert {status.value: count for status, count in batch.counts.items() if count} == {
        "succeeded": 1, "failed": 1, "cancelled": 1,
    }  # fmt: skip
    assert (batch.total, batch.ended) == (3, 3)
    assert (batch.labels, batch.outcomes) == ({"caries": 1}, {"answered": 1})
    counts = store.counts()
    assert (counts["submitted"], counts["succeeded"], counts["failed"], counts["cancelled"]) == (3, 1, 1, 1)
    assert counts["label v1 caries"] == counts["outcome v1 answered"] == 1


def test_a_create_sent_twice_makes_one_job(store) -> None:
    job = NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")
    store.create([job])
    store.create([job])
    assert store.depth(QueueName.INTERACTIVE) == 1
    assert store.counts()["submitted"] == 1


def test_a_repeated_idempotency_key_answers_the_first_jobs(store) -> None:
    key = IdempotencyKey("k", "digest")
    first = store.create([NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")], idempotency=key)
    again = store.create([NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")], idempotency=key)
    assert again.replayed
    assert again.job_ids == first.job_ids
    assert store.depth(QueueName.INTERACTIVE) == 1


def test_an_idempotency_key_with_another_body_is_refused(store) -> None:
    store.create([NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")], idempotency=IdempotencyKey("k", "one"))
    with pytest.raises(IdempotencyConflictError):
        store.create([NewJob(new_job_id(), QueueName.INTERACTIVE, "y.jpg")], idempotency=IdempotencyKey("k", "two"))
    assert store.depth(QueueName.INTERACTIVE) == 1


@pytest.mark.parametrize("claimed", [False, True])
def test_an_erased_job_is_gone_and_cannot_succeed_any_more(store, verbs, claimed: bool) -> None:
    (job_id,) = verbs.submit()
    claims = verbs.claim() if claimed else []
    store.erase(job_id)
    assert [verbs.succeed(claim) for claim in claims] == [False] * len(claims)
    assert verbs.claim() == []
    assert store.running() == 0
    with pytest.raises(JobNotFoundError):
        store.get(job_id)
    assert store.counts()["cancelled"] == 1
    assert "succeeded" not in store.counts()


def test_erasing_an_unknown_job_is_an_error(store) -> None:
    with pytest.raises(JobNotFoundError):
        store.erase("nosuchjob")


def test_an_image_is_due_for_erasure_unless_a_job_comes_to_own_it(store, client: redis.Redis) -> None:
    owned, orphan = new_job_id(), new_job_id()
    store.announce_uploads([orphan], grace_seconds=0)
    store.create([NewJob(owned, QueueName.INTERACTIVE, "x.jpg")])
    assert client.zrange("dentiq:erasures", 0, -1) == [orphan]
    assert store.due_erasures() == [orphan]
    store.confirm_erased([orphan])
    assert store.due_erasures() == []


def test_an_image_in_its_grace_time_is_left_alone(store) -> None:
    store.announce_uploads([new_job_id()], grace_seconds=60)
    assert store.due_erasures() == []


def test_records_past_retention_go_and_unfinished_jobs_stay(store, verbs) -> None:
    done, waiting = verbs.submit(2)
    verbs.succeed(store.claim({QueueName.INTERACTIVE: 1}, lease_seconds=60)[0])
    assert store.retire(retention_hours=1) == 0
    store.retire(retention_hours=-2)  # two hours in the future: this hour is past retention
    with pytest.raises(JobNotFoundError):
        store.get(done)
    assert store.get(waiting).status is JobStatus.QUEUED
    assert store.due_erasures() == [done]


def test_a_finished_record_takes_little_memory(store, verbs, client: redis.Redis) -> None:
    ids = verbs.submit(200, queue=QueueName.BULK)
    while claims := verbs.claim():
        for claim in claims:
            verbs.succeed(claim)
    key = f"dentiq:job:{ids[0]}"
    assert client.object("encoding", key) == "listpack"
    assert client.memory_usage(key) <= 450


def test_results_whose_labels_are_missing_are_shown_once_they_are_back(store, verbs, client: redis.Redis) -> None:
    (job_id,) = verbs.submit()
    client.delete("dentiq:labels")  # a Redis that was replaced while workers ran
    verbs.succeed(verbs.claim()[0])
    assert store.get(job_id).predictions == ()
    store.register_labels("v1", ("caries", "healthy", "ulcer"))
    assert store.get(job_id).predictions[0].label == "caries"


def test_the_key_of_an_erased_job_may_be_used_again(store) -> None:
    key = IdempotencyKey("k", "digest")
    (first,) = store.create([NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")], idempotency=key).job_ids
    store.erase(first)
    again = store.create([NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")], idempotency=key)
    assert not again.replayed
    assert again.job_ids != (first,)


def test_a_submission_tells_when_it_was_queued(store) -> None:
    accepted = store.create([NewJob(new_job_id(), QueueName.INTERACTIVE, "x.jpg")])
    assert store.get(accepted.job_ids[0]).submitted_at == accepted.submitted_at
