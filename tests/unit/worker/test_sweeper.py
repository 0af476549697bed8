"""What the sweeper puts right, seen in the job store and the storage."""

from collections.abc import Sequence

import pytest

from common.errors import (
    JobNotFoundError,
    StorageUnavailableError,
    StorageUnreachableError,
    StoredImageMissingError,
)
from common.jobs.record import JobStatus
from common.queues import QueueName
from common.storage import image_key, keys_of, preview_key
from worker.sweeper import Sweeper, SweepRules


@pytest.fixture
def sweep(bench):
    def make(*, retention_hours: float = 1) -> Sweeper:
        return Sweeper(bench.store, bench.batches, bench.storage, SweepRules(3, retention_hours, bench.limits))

    return make


def test_an_image_that_no_job_came_to_own_is_erased(bench, sweep) -> None:
    bench.store.announce_uploads(["orphan"], grace_seconds=0)
    bench.storage.put(image_key("orphan"), b"x")
    sweep().erase()
    with pytest.raises(StoredImageMissingError):
        bench.storage.get(image_key("orphan"))
    assert bench.store.due_erasures() == []


def test_an_image_that_was_never_stored_is_no_trouble(bench, sweep) -> None:
    bench.store.announce_uploads(["never"], grace_seconds=0)
    sweep().erase()
    assert bench.store.due_erasures() == []


def test_retention_erases_image_preview_and_record_of_finished_jobs_only(bench, sweep) -> None:
    (done,) = bench.submit(bytes([90]))
    bench.run()
    bench.storage.put(preview_key(done), b"x")
    (waiting,) = bench.submit(bytes([90]))
    sweep(retention_hours=-2).erase()
    with pytest.raises(JobNotFoundError):
        bench.store.get(done)
    for key in (image_key(done), preview_key(done)):
        with pytest.raises(StoredImageMissingError):
            bench.storage.get(key)
    assert bench.store.get(waiting).status is JobStatus.QUEUED
    assert bench.storage.get(image_key(waiting))


@pytest.mark.parametrize(("depth", "waiting", "missing"), [(0, 0, 0), (1, 0, 1), (33, 0, 2), (33, 1, 1), (33, 5, 0)])
def test_a_backlog_without_hints_gets_the_hints_it_lacks(bench, sweep, depth: int, waiting: int, missing: int) -> None:
    if depth:
        bench.submit(*[bytes([90])] * depth)
    assert sweep().missing_hints(QueueName.BULK, waiting=lambda _queue: waiting) == missing


def test_a_job_whose_worker_fell_silent_runs_again(bench, sweep) -> None:
    (job_id,) = bench.submit(bytes([90]))
    bench.store.claim(bench.limits, lease_seconds=0)
    sweep().repair()
    bench.run()
    assert bench.store.get(job_id).status is JobStatus.SUCCEEDED


def test_a_batch_whose_cancelling_was_cut_short_is_cancelled(bench, sweep) -> None:
    (job_id,) = bench.submit(bytes([90]))
    bench.batches.create("b", name="", life_seconds=60)
    bench.client.rpush("dentiq:batchjobs:b", job_id)
    bench.client.hset("dentiq:closing", "b", "cancelled")
    sweep().repair()
    assert bench.store.get(job_id).status is JobStatus.CANCELLED


def test_an_image_that_cannot_be_erased_holds_up_no_other(bench, sweep, tmp_path) -> None:
    (tmp_path / "storage" / image_key("stuck")).mkdir(parents=True)  # a folder is in its place
    bench.store.announce_uploads(["stuck", "orphan"], grace_seconds=0)
    bench.storage.put(image_key("orphan"), b"x")
    sweep().erase()
    with pytest.raises(StoredImageMissingError):
        bench.storage.get(image_key("orphan"))
    assert bench.store.due_erasures() == []
    # The stuck one is looked at again in a minute, and no job may be made of it: a part of it may be gone.
    assert bench.client.zrange("dentiq:derived", 0, -1) == ["stuck"]
    assert bench.client.zcard("dentiq:erasures") == 0


def test_what_a_killed_writer_left_is_erased_too(bench, sweep, tmp_path) -> None:
    bench.store.announce_uploads(["cut"], grace_seconds=0)
    half = tmp_path / "storage" / f"{image_key('cut')}.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half an im")
    sweep().erase()
    assert not half.exists()


def _let_announcements_end(bench) -> None:
    for key in ("dentiq:erasures", "dentiq:derived"):
        for job_id in bench.client.zrange(key, 0, -1):
            bench.client.zadd(key, {job_id: 1}, xx=True)


def test_a_preview_that_comes_after_its_jobs_erasure_was_carried_out_is_erased_too(bench, sweep) -> None:
    (job_id,) = bench.submit(bytes([90]))
    bench.store.announce_derived(job_id, grace_seconds=60)
    bench.store.erase(job_id)
    sweep().erase()
    bench.storage.put(preview_key(job_id), b"x")  # whose maker dies in this moment
    sweep().erase()
    _let_announcements_end(bench)
    sweep().erase()
    with pytest.raises(StoredImageMissingError):
        bench.storage.get(preview_key(job_id))
    assert bench.client.exists("dentiq:erasures", "dentiq:derived") == 0


def test_the_announcement_of_a_second_file_lasts_as_long_as_the_first(bench, sweep) -> None:
    (job_id,) = bench.submit(bytes([90]))
    bench.store.announce_derived(job_id, grace_seconds=60)
    bench.store.announce_derived(job_id, grace_seconds=-1)
    sweep().erase()
    assert bench.client.zcard("dentiq:derived") == 1


def test_announcements_of_an_earlier_release_are_kept(bench, sweep) -> None:
    (living,) = bench.submit(bytes([90]))
    (gone,) = bench.submit(bytes([90]))
    bench.store.erase(gone)
    for job_id in (living, gone):
        bench.storage.put(preview_key(job_id), b"x")
    bench.client.zadd("dentiq:erasures", {living: 1, gone: 1})
    sweep().erase()
    assert bench.storage.get(preview_key(living)) == b"x"
    with pytest.raises(StoredImageMissingError):
        bench.storage.get(preview_key(gone))
    assert bench.client.exists("dentiq:erasures") == 0


class _FallsSilent:
    """A storage that refuses to remove many objects at once, removes those of one job, and then answers nobody."""

    def __init__(self) -> None:
        self.asked = 0

    def delete_many(self, keys: Sequence[str]) -> None:
        self.asked += 1
        if len(keys) > len(keys_of("one")):
            raise StorageUnavailableError("Some are refused.")
        if self.asked > 2:
            raise StorageUnreachableError("Nobody answers.")


def test_a_storage_that_is_away_is_given_a_rest(bench) -> None:
    storage = _FallsSilent()
    storage.asked = 3
    bench.store.announce_uploads(["orphan"], grace_seconds=0)
    sweeper = Sweeper(bench.store, bench.batches, storage, SweepRules(3, 1, bench.limits))
    for _ in range(3):
        sweeper.erase()
    assert storage.asked == 4
    assert bench.store.due_erasures() == ["orphan"]


def test_an_outage_that_begins_midway_is_met_once_and_loses_no_erasure(bench) -> None:
    storage = _FallsSilent()
    bench.store.announce_uploads([f"job{number}" for number in range(20)], grace_seconds=0)
    Sweeper(bench.store, bench.batches, storage, SweepRules(3, 1, bench.limits)).erase()
    assert storage.asked == 3
    assert len(bench.store.due_erasures()) == 19
