"""What becomes of each job of a chunk."""

import pytest

from common.errors import StorageUnavailableError, StorageUnreachableError
from common.jobs.record import JobStatus
from common.storage import image_key


def test_every_image_of_a_chunk_gets_its_own_answer_in_one_pass(bench) -> None:
    ids = bench.submit(bytes([90]), bytes([20]), bytes([70]))
    assert bench.run() == 3
    assert [bench.store.get(job_id).predictions[0].label for job_id in ids] == ["caries", "healthy", "caries"]
    assert bench.predictor.chunks == [3]


def test_a_bad_image_fails_alone_with_its_reason(bench) -> None:
    ids = bench.submit(bytes([90]), b"truncated", bytes([20]))
    bench.run()
    statuses = [bench.store.get(job_id).status for job_id in ids]
    assert statuses == [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.SUCCEEDED]
    error = bench.store.get(ids[1]).error
    assert (error.code, error.message) == ("image_truncated", "The file ends early.")


def test_an_image_lost_from_the_storage_fails_alone(bench) -> None:
    lost, kept = bench.submit(bytes([90]), bytes([20]))
    bench.storage.delete(image_key(lost))
    bench.run()
    assert bench.store.get(lost).error.code == "stored_image_missing"
    assert bench.store.get(kept).status is JobStatus.SUCCEEDED


def test_a_storage_that_is_away_is_tried_again(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (job_id,) = bench.submit(bytes([90]))

    def away(_key: str) -> bytes:
        raise StorageUnavailableError("The storage does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(bench.storage, "get", away)
        bench.run()
    assert bench.store.get(job_id).status is JobStatus.QUEUED
    bench.store.repair(max_attempts=3)
    bench.run()
    job = bench.store.get(job_id)
    assert (job.status, job.attempts) == (JobStatus.SUCCEEDED, 2)


def test_a_bug_in_the_worker_ends_as_a_reason_and_spares_the_neighbours(bench) -> None:
    bug, good = bench.submit(b"bug", bytes([20]))
    for _ in range(5):
        bench.run()
        bench.store.repair(max_attempts=3)
    assert bench.store.get(good).status is JobStatus.SUCCEEDED
    failed = bench.store.get(bug)
    assert (failed.status, failed.error.code, failed.attempts) == (JobStatus.FAILED, "job_failed", 3)


def test_a_job_erased_while_it_runs_leaves_no_result(bench) -> None:
    erased, kept = bench.submit(bytes([90]), bytes([20]))
    claims = bench.store.claim(bench.limits, lease_seconds=60)
    bench.store.erase(erased)
    bench.work.run(claims)
    assert bench.store.get(kept).status is JobStatus.SUCCEEDED
    assert bench.store.counts()["succeeded"] == 1
    assert bench.store.counts()["cancelled"] == 1


def test_an_image_on_which_the_network_fails_is_tried_again_and_the_model_is_doubted(bench) -> None:
    bad, good = bench.submit(b"network", bytes([20]))
    bench.run()
    assert not bench.sound
    assert bench.store.get(bad).status is JobStatus.QUEUED
    assert bench.store.get(good).status is JobStatus.SUCCEEDED
    for _ in range(2):
        bench.store.repair(max_attempts=3)
        bench.run()
    failed = bench.store.get(bad)
    assert (failed.error.code, failed.attempts) == ("inference_failed", 3)


def test_only_one_image_of_a_chunk_is_in_memory_at_a_time(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.submit(bytes([90]), bytes([20]), bytes([70]))
    events: list[str] = []
    read, answer = bench.storage.get, bench.predictor._answer
    monkeypatch.setattr(bench.storage, "get", lambda key: events.append("read") or read(key))
    monkeypatch.setattr(bench.predictor, "_answer", lambda image: events.append("decoded") or answer(image))
    bench.run()
    assert events == ["read", "decoded"] * 3


def test_an_object_store_that_nobody_reaches_costs_no_attempt_however_long(
    bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = bench.submit(bytes([90]), bytes([20]))

    def away(_key: str) -> bytes:
        raise StorageUnreachableError("The storage cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(bench.storage, "get", away)
        for _ in range(5):  # more than a job has attempts
            bench.run()
            bench.store.repair(max_attempts=3)
    assert {bench.store.get(job_id).status for job_id in ids} == {JobStatus.QUEUED}
    # Neither has failed by itself: they are taken together, not one by one as suspects are.
    assert len(bench.store.claim(bench.limits, lease_seconds=0)) == 2
    # And each has all of its attempts left: a worker that dies now takes the first of them.
    bench.store.repair(max_attempts=2)
    for _ in ids:  # now they are suspects
        bench.run()
    assert [bench.store.get(job_id).status for job_id in ids] == [JobStatus.SUCCEEDED] * 2


def test_a_job_whose_storage_stays_away_for_a_day_ends_with_the_reason(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (job_id,) = bench.submit(bytes([90]))
    long_ago = int(bench.client.hget(f"dentiq:job:{job_id}", "submitted")) - 25 * 3600 * 1_000_000
    bench.client.hset(f"dentiq:job:{job_id}", "submitted", long_ago)

    def away(_key: str) -> bytes:
        raise StorageUnreachableError("The storage cannot be reached.")

    monkeypatch.setattr(bench.storage, "get", away)
    for _ in range(3):
        bench.run()
        bench.store.repair(max_attempts=3)
    failed = bench.store.get(job_id)
    assert (failed.status, failed.error.code, failed.attempts) == (JobStatus.FAILED, "storage_unreachable", 3)
