"""A Redis whose sentinels name another master: jobs under way are finished, and new ones are taken."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import JobStoreUnavailableError
from common.jobs.record import JobStatus
from tests.fixtures.distant_redis import Sentinels
from tests.integration.conftest import FaultBench
from tests.waiting import wait_until


@pytest.fixture
def watched_bench(sentinels: Sentinels, tmp_path: Path) -> Iterator[FaultBench]:
    """A worker and beat that know the sentinels alone."""
    made = FaultBench(sentinels, tmp_path)
    yield made
    made.close()


def test_jobs_under_way_are_finished_once_each_though_the_master_dies(
    watched_bench: FaultBench, sentinels: Sentinels
) -> None:
    bench = watched_bench
    first_master = sentinels.master_port()
    ids = bench.submit(*[bytes([90])] * 50)
    wait_until(lambda: bench.store.running() > 0, 60, what="a chunk in hand")
    # A replica follows a few milliseconds behind, and what only the dead master knew is lost (docs/distributed.md): the
    # promise is for what has reached the replica. WAIT is for the writes of its own connection, and so for all before.
    with bench.client.client() as one_connection:
        one_connection.set("after-all-jobs", 1)
        wait_until(lambda: one_connection.wait(1, 1000) == 1, 20, what="a replica that has it all")
    sentinels.kill_master()
    wait_until(lambda: sentinels.master_port() != first_master, 60, what="another master")

    def all_ended() -> bool:
        try:
            return all(job is not None and job.status.is_terminal for job in bench.store.read_many(ids))
        except JobStoreUnavailableError:
            return False

    wait_until(all_ended, 90, what="the end of all jobs")
    assert {bench.store.get(job_id).status for job_id in ids} == {JobStatus.SUCCEEDED}
    assert bench.store.counts()["succeeded"] == bench.store.counts()["submitted"] == 50
    # Beat and the workers' hints have found the new one as well.
    bench.assert_each_succeeded_once(ids + bench.submit(bytes([10])))
