"""No accepted job is lost and none is counted twice, whatever dies: real Redis, real Celery, real signals."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.jobs.explanations import ExplanationRegister
from common.jobs.record import Explanation, JobStatus
from common.messages import ExplanationRequest
from common.queues import QueueName
from common.settings import Settings
from tests.faults import BREAKING, DEADLY_TO_DRAW, DRAIN_VARIABLE, DRAWINGS, HOLDING, POISON
from tests.integration.conftest import FaultBench
from tests.waiting import wait_until
from worker.celery_app import create_app

# Enough that the last jobs, which are shared, wait while each process has a whole chunk of 25 in hand.
HUNDRED = [bytes([90])] * 100


def _running_everywhere(bench) -> None:
    # Beat, whose sweeper sends the hints, may take its time to start.
    wait_until(lambda: bench.store.running() == 50, 40, what="both processes with a chunk of 25 in hand")


def test_a_hundred_jobs_succeed_once_each_though_a_pool_process_is_killed(bench) -> None:
    ids = bench.submit(*HUNDRED)
    _running_everywhere(bench)
    os.kill(bench.pool_pids()[0], signal.SIGKILL)
    bench.assert_each_succeeded_once(ids)
    assert sum(bench.store.get(job_id).attempts == 2 for job_id in ids) == 25
    wait_until(lambda: len(bench.register.alive()) == 2, 40, what="a new pool process")


def test_a_hundred_jobs_succeed_once_each_though_the_whole_worker_is_killed(bench) -> None:
    ids = bench.submit(*HUNDRED)
    _running_everywhere(bench)
    os.killpg(bench.worker.pid, signal.SIGKILL)
    bench.worker.wait()
    wait_until(lambda: bench.register.alive() == [], what="an empty register")
    bench.start_worker()
    bench.assert_each_succeeded_once(ids)


def test_a_hundred_jobs_succeed_once_each_though_a_process_sleeps_past_its_lease(bench) -> None:
    ids = bench.submit(*HUNDRED)
    _running_everywhere(bench)
    (sleeper, _) = bench.pool_pids()
    os.kill(sleeper, signal.SIGSTOP)
    bench.ended(ids)
    os.kill(sleeper, signal.SIGCONT)
    wait_until(lambda: sleeper in bench.pool_pids(), 20, what="the sleeper at work again")
    late = bench.submit(bytes([90]))
    bench.assert_each_succeeded_once(ids + late)


def test_a_hundred_jobs_succeed_once_each_though_redis_is_killed(bench) -> None:
    ids = bench.submit(*HUNDRED)
    _running_everywhere(bench)
    bench.redis_server.kill()
    bench.redis_server.start()
    bench.assert_each_succeeded_once(ids)


def test_a_stopping_worker_finishes_its_chunks_first(bench) -> None:
    ids = bench.submit(*HUNDRED)
    _running_everywhere(bench)
    bench.worker.send_signal(signal.SIGTERM)
    assert bench.worker.wait(timeout=30) == 0
    assert bench.register.alive() == []
    assert bench.store.running() == 0
    assert bench.store.counts()["succeeded"] >= 50
    bench.start_worker()
    bench.assert_each_succeeded_once(ids)
    assert {bench.store.get(job_id).attempts for job_id in ids} == {1}


@pytest.fixture
def long_drains(make_redis: Callable[[], Any], tmp_path: Path) -> Iterator[FaultBench]:
    """Workers that would go on for a minute, one image at a time, for each hint."""
    made = FaultBench(make_redis(), tmp_path, **{DRAIN_VARIABLE: "60", "DENTIQ_BULK_CHUNK_SIZE": "1"})
    yield made
    made.close()


def test_a_stopping_worker_leaves_what_it_has_not_begun(long_drains: FaultBench) -> None:
    bench = long_drains
    held = bench.submit(HOLDING, HOLDING)
    wait_until(lambda: bench.store.running() == 2, 40, what="an image in the hands of each process")
    waiting = bench.submit(*[bytes([90])] * 40)
    bench.worker.send_signal(signal.SIGTERM)
    assert bench.worker.wait(timeout=40) == 0
    # The word reaches the pool's processes in the instant in which their images end: one more each at the most.
    assert 2 <= bench.store.counts()["succeeded"] <= 4
    assert bench.store.running() == 0
    bench.start_worker()
    bench.assert_each_succeeded_once([*held, *waiting])


def test_a_poison_image_fails_alone_and_the_worker_lives(bench) -> None:
    poison, *neighbours = bench.submit(POISON, *[bytes([90])] * 9)
    jobs = {job.id: job for job in bench.ended([poison, *neighbours])}
    assert jobs[poison].status is JobStatus.FAILED
    assert (jobs[poison].error.code, jobs[poison].attempts) == ("poison", 3)
    assert {jobs[job_id].status for job_id in neighbours} == {JobStatus.SUCCEEDED}
    (later,) = bench.submit(bytes([90]), queue=QueueName.INTERACTIVE)
    assert bench.ended([later])[0].status is JobStatus.SUCCEEDED


def test_a_process_whose_network_broke_is_replaced_and_the_others_succeed(bench) -> None:
    breaking, *neighbours = bench.submit(BREAKING, *[bytes([90])] * 40)
    jobs = {job.id: job for job in bench.ended([breaking, *neighbours])}
    assert jobs[breaking].error.code == "inference_failed"
    assert {jobs[job_id].status for job_id in neighbours} == {JobStatus.SUCCEEDED}


def _ask_for_heat_map(bench: FaultBench, job_id: str) -> None:
    """Ask and send, as web does."""
    ExplanationRegister(bench.client).ask(job_id)
    with create_app(Settings(redis_url=bench.redis_server.url)) as app:
        app.send_task(**ExplanationRequest(job_id).to_call())


def test_a_heat_map_that_takes_its_process_down_is_not_drawn_again_unasked(bench, tmp_path: Path) -> None:
    deadly, sound = bench.submit(DEADLY_TO_DRAW, bytes([90]))
    bench.assert_each_succeeded_once([deadly, sound])
    before = set(bench.pool_pids())
    _ask_for_heat_map(bench, deadly)
    wait_until(lambda: set(bench.pool_pids()) - before, 40, what="a new process in the place of the lost one")
    # A message that came back would be ahead of this one.
    _ask_for_heat_map(bench, sound)
    wait_until(lambda: bench.store.get(sound).explanation is Explanation.READY, 20, what="another heat map")
    assert (tmp_path / DRAWINGS).read_text() == "begun\n"
    assert bench.store.get(deadly).explanation is Explanation.ASKED
    wait_until(
        lambda: not any("dentiq.explain" in held for held in bench.broker.hvals("unacked")), what="no message left"
    )


def test_sweeps_do_not_pile_up_while_no_worker_runs(bench) -> None:
    os.killpg(bench.worker.pid, signal.SIGKILL)
    bench.worker.wait()
    wait_until(lambda: bench.broker.llen("maintenance") == 2, what="the most sweeps that may wait")
    looks = bench.looks_of_beat()
    wait_until(lambda: bench.looks_of_beat() > looks + 5, what="more ticks of beat")
    assert bench.broker.llen("maintenance") == 2


def test_beat_outlives_a_redis_that_is_killed(bench) -> None:
    wait_until(lambda: bench.broker.info("commandstats").get("cmdstat_llen"), what="beat at work")
    bench.redis_server.kill()
    bench.redis_server.start()
    bench.assert_each_succeeded_once(bench.submit(bytes([90])))
    assert bench.beat.poll() is None
