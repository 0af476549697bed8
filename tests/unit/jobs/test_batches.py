"""Batches: made, filled, counted, cancelled, erased."""

import pytest
import redis

from common.errors import BatchClosedError, BatchNotFoundError, IdempotencyConflictError, JobNotFoundError
from common.jobs.batches import Batch, BatchState, BatchStore, Closing
from common.jobs.record import IdempotencyKey, JobStatus
from common.jobs.scripts import Scripts
from common.queues import QueueName


@pytest.fixture
def batch(batches) -> str:
    return batches.create("b", name="Monday", life_seconds=3600).id


def test_a_new_batch_is_empty_and_open(batches, batch: str) -> None:
    made = batches.get(batch)
    assert (made.name, made.state, made.total, made.ended) == ("Monday", BatchState.OPEN, 0, 0)
    assert made.images_per_second is None
    assert made.seconds_left == 0


def test_a_batch_is_answered_as_it_is_stored(batches) -> None:
    assert batches.create("b", name="Monday", life_seconds=60) == batches.get("b")


def test_a_repeated_request_makes_one_batch(batches) -> None:
    key = IdempotencyKey("k", "digest")
    assert batches.create("first", name="x", life_seconds=60, idempotency=key).id == "first"
    assert batches.create("second", name="x", life_seconds=60, idempotency=key).id == "first"
    with pytest.raises(BatchNotFoundError):
        batches.get("second")


def test_the_same_key_for_another_batch_is_refused(batches) -> None:
    batches.create("first", name="x", life_seconds=60, idempotency=IdempotencyKey("k", "one"))
    with pytest.raises(IdempotencyConflictError):
        batches.create("second", name="y", life_seconds=60, idempotency=IdempotencyKey("k", "two"))


def test_a_repetition_whose_batch_is_erased_meanwhile_makes_another(batches, client: redis.Redis) -> None:
    class ErasedMeanwhile(BatchStore):
        def get(self, batch_id: str) -> Batch:
            batches.close(batch_id, Closing.ERASED)
            return super().get(batch_id)

    key = IdempotencyKey("k", "digest")
    batches.create("first", name="x", life_seconds=60, idempotency=key)
    assert ErasedMeanwhile(client).create("second", name="x", life_seconds=60, idempotency=key).id == "second"
    assert batches.create("third", name="x", life_seconds=60, idempotency=key) == batches.get("second")


def test_jobs_are_listed_as_they_were_submitted(batches, batch: str, verbs) -> None:
    ids = verbs.submit(3, queue=QueueName.BULK, batch_id=batch) + verbs.submit(2, queue=QueueName.BULK, batch_id=batch)
    assert batches.job_ids(batch, first=0, count=4) == ids[:4]
    assert batches.job_ids(batch, first=4, count=4) == ids[4:]
    assert batches.get(batch).counts[JobStatus.QUEUED] == 5


def test_rate_and_time_left_come_from_what_has_ended(batches, batch: str, verbs) -> None:
    verbs.submit(4, queue=QueueName.BULK, batch_id=batch)
    claims = verbs.claim()
    verbs.succeed(claims[0])
    verbs.succeed(claims[1])
    half = batches.get(batch)
    assert half.images_per_second > 0
    assert half.seconds_left == pytest.approx(2 / half.images_per_second)


def test_jobs_cannot_join_a_batch_that_is_not_there(verbs, store) -> None:
    with pytest.raises(BatchNotFoundError):
        verbs.submit(queue=QueueName.BULK, batch_id="nosuchbatch")
    assert store.depth(QueueName.BULK) == 0


def test_cancelling_ends_what_has_not_ended_and_keeps_what_has(batches, batch: str, verbs, store) -> None:
    ids = verbs.submit(1200, queue=QueueName.BULK, batch_id=batch)  # more than two portions
    claims = verbs.claim()
    verbs.succeed(claims[0])
    batches.close(batch, Closing.CANCELLED)
    cancelled = batches.get(batch)
    assert cancelled.state is BatchState.CANCELLED
    assert (cancelled.counts[JobStatus.SUCCEEDED], cancelled.counts[JobStatus.CANCELLED]) == (1, 1199)
    assert not verbs.succeed(claims[1])
    assert verbs.claim() == []
    assert store.get(ids[-1]).status is JobStatus.CANCELLED
    assert batches.closing() == []


def test_a_cancelled_batch_takes_no_more_images(batches, batch: str, verbs) -> None:
    batches.close(batch, Closing.CANCELLED)
    with pytest.raises(BatchClosedError):
        verbs.submit(queue=QueueName.BULK, batch_id=batch)


def test_erasing_leaves_nothing_but_images_to_erase(batches, batch: str, verbs, store, client: redis.Redis) -> None:
    ids = verbs.submit(700, queue=QueueName.BULK, batch_id=batch)
    verbs.succeed(verbs.claim()[0])
    batches.close(batch, Closing.ERASED)
    for gone in (lambda: store.get(ids[0]), lambda: store.get(ids[-1])):
        with pytest.raises(JobNotFoundError):
            gone()
    with pytest.raises(BatchNotFoundError):
        batches.get(batch)
    assert client.exists("dentiq:batch:b", "dentiq:batchjobs:b") == 0
    assert client.zcard("dentiq:erasures") == 700
    assert store.depth(QueueName.BULK) == store.running() == 0


def test_a_closing_that_was_cut_short_is_completed_later(batches, batch: str, verbs, client: redis.Redis) -> None:
    verbs.submit(3, queue=QueueName.BULK, batch_id=batch)
    client.hset("dentiq:closing", batch, "cancelled")  # as a web process leaves it that dies between two portions
    assert batches.closing() == [batch]
    batches.finish_closing(batch)
    assert batches.get(batch).counts[JobStatus.CANCELLED] == 3
    assert batches.closing() == []


@pytest.mark.parametrize("indexes", [[500], [500, 0, 500, 0], [0, 0], [1000, 500]])
def test_a_batch_that_is_erased_while_somebody_cancels_it_leaves_nothing(
    batches, batch: str, verbs, client: redis.Redis, indexes: list[int]
) -> None:
    ids = verbs.submit(1200, queue=QueueName.BULK, batch_id=batch)
    scripts = Scripts(client)
    scripts.call("close_batch", batch, "cancelled")
    assert scripts.call("sweep_batch", batch, 0, 500) == 500
    scripts.call("close_batch", batch, "erased")
    for index in indexes:  # of whoever cancelled and goes on, of whoever erases, of a script that was sent again
        scripts.call("sweep_batch", batch, index, 500)
    first = 500
    while first >= 0:
        first = scripts.call("sweep_batch", batch, first, 500)
    batches.finish_closing(batch)
    assert client.exists(*(f"dentiq:job:{job_id}" for job_id in ids)) == 0
    assert set(client.zrange("dentiq:erasures", 0, -1)) == set(ids)
    assert client.exists("dentiq:batch:b", "dentiq:batchjobs:b", "dentiq:closing") == 0


@pytest.mark.parametrize("closing", Closing)
def test_a_batch_that_ends_while_it_is_closed_leaves_no_list(
    batches, batch: str, verbs, client: redis.Redis, closing: Closing
) -> None:
    ids = verbs.submit(3, queue=QueueName.BULK, batch_id=batch)
    Scripts(client).call("close_batch", batch, closing.value)
    client.delete("dentiq:batch:b")  # as Redis does at the end of its life
    batches.finish_closing(batch)
    assert client.exists("dentiq:batch:b", "dentiq:batchjobs:b", "dentiq:closing") == 0
    statuses = [job.status for job in verbs.store.read_many(ids) if job is not None]
    assert statuses == ([JobStatus.CANCELLED] * 3 if closing is Closing.CANCELLED else [])


def test_the_list_of_a_cancelled_batch_ends_as_the_batch_does(batches, batch: str, verbs, client: redis.Redis) -> None:
    verbs.submit(3, queue=QueueName.BULK, batch_id=batch)
    batches.close(batch, Closing.CANCELLED)
    assert 0 < client.ttl("dentiq:batchjobs:b") <= 3600


def test_closing_an_unknown_batch_is_an_error(batches) -> None:
    with pytest.raises(BatchNotFoundError):
        batches.close("nosuchbatch", Closing.ERASED)


def test_a_result_that_comes_after_the_erasure_brings_no_counters_back(
    batches, batch: str, verbs, client: redis.Redis
) -> None:
    verbs.submit(2, queue=QueueName.BULK, batch_id=batch)
    claims = verbs.claim()
    batches.close(batch, Closing.ERASED)
    assert not verbs.succeed(claims[0])
    assert client.exists("dentiq:batch:b") == 0
