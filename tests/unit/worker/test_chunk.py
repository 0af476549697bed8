"""What becomes of each job of a chunk."""

import pytest

from common.errors import StorageUnavailableError
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
