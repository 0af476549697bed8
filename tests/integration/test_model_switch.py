"""Another version takes effect in running workers, and one that fails its check does not."""

import os
import signal

import pytest

from common.jobs.record import JobStatus
from tests.faults import DAMAGED_VERSION
from tests.waiting import wait_until

HUNDRED = [bytes([90])] * 100


@pytest.fixture(autouse=True)
def _running_beat(bench) -> None:
    # Seconds are counted on a platform that runs; on a busy machine beat takes ten to start.
    wait_until(lambda: "cmdstat_llen" in bench.broker.info("commandstats"), 60, what="beat's first look")


def _versions(bench) -> set[str]:
    return {worker.model_version for worker in bench.register.alive()}


def test_a_promoted_version_serves_within_five_seconds_in_idle_workers(bench) -> None:
    bench.models.set_current("fault-2")
    wait_until(lambda: _versions(bench) == {"fault-2"}, 5, what="the new version in every process")
    assert bench.ended(bench.submit(bytes([90])))[0].model_version == "fault-2"


def test_a_promotion_under_load_loses_and_fails_no_job(bench) -> None:
    ids = bench.submit(*HUNDRED)
    wait_until(lambda: bench.store.running() > 0, what="jobs under way")
    bench.models.set_current("fault-2")
    jobs = bench.ended(ids)
    assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
    assert {job.model_version for job in jobs} <= {"fault", "fault-2"}
    assert bench.store.counts()["succeeded"] == len(ids)
    wait_until(lambda: _versions(bench) == {"fault-2"}, 5, what="the new version in every process")


def test_a_damaged_version_is_refused_and_the_old_one_goes_on(bench) -> None:
    bench.models.set_current(DAMAGED_VERSION)
    wait_until(lambda: "version_refused" in bench.log_text(), what="the refusal in the log")
    job = bench.ended(bench.submit(bytes([90])))[0]
    assert (job.status, job.model_version) == (JobStatus.SUCCEEDED, "fault")
    assert _versions(bench) == {"fault"}
    bench.models.set_current("fault-2")
    wait_until(lambda: _versions(bench) == {"fault-2"}, 5, what="the good version in every process")


def test_a_worker_that_starts_under_a_damaged_version_goes_on_with_the_one_before(bench) -> None:
    bench.models.set_current(DAMAGED_VERSION)
    os.killpg(bench.worker.pid, signal.SIGKILL)
    bench.worker.wait()
    wait_until(lambda: bench.register.alive() == [], what="an empty register")
    bench.start_worker()
    assert _versions(bench) == {"fault"}
    assert bench.ended(bench.submit(bytes([90])))[0].model_version == "fault"
    bench.models.set_current("fault-2")
    wait_until(lambda: _versions(bench) == {"fault-2"}, 5, what="the good version in every process")
