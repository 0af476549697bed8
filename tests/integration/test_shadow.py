"""A shadow version answers a share of the jobs of a real worker, unseen; its faults reach no result."""

import signal

import pytest

from common.jobs import keys
from common.jobs.record import JobStatus
from common.jobs.shadows import label_pairs
from common.model_store import Shadow
from tests.faults import BUGGY_VERSION, DAMAGED_VERSION, OPPOSITE_VERSION
from tests.waiting import wait_until
from training.shadowing import shadow_comparisons

HUNDRED = [bytes([90])] * 60 + [bytes([20])] * 40


def _shadowed(bench, ids: list[str]) -> list[str]:
    return [job_id for job_id in ids if bench.client.hexists(keys.JOB + job_id, "shadow_version")]


def _noted(bench) -> int:
    return sum(label_pairs(bench.store.counts()).values())


def test_a_share_of_the_jobs_has_a_second_answer_beside_the_one_that_counts(bench) -> None:
    shadow = Shadow(OPPOSITE_VERSION, 0.5)
    bench.models.set_shadow(shadow)
    ids = bench.submit(*HUNDRED)
    jobs = bench.ended(ids)
    expected = [job_id for job_id in ids if shadow.takes(job_id)]
    wait_until(lambda: _noted(bench) == len(expected), what="the answers of the whole share")
    assert 0 < len(expected) < len(ids)
    assert _shadowed(bench, ids) == expected
    assert {job.model_version for job in jobs} == {"fault"}
    assert [job.predictions[0].label for job in jobs] == ["caries"] * 60 + ["healthy"] * 40
    assert bench.store.counts()["label fault caries"] == 60
    (found,) = shadow_comparisons(bench.store.counts())
    assert (found.served, found.shadow, found.jobs) == ("fault", OPPOSITE_VERSION, len(expected))
    assert (found.same_label, found.same_outcome) == (0.0, 1.0)


def test_a_shadow_that_fails_on_every_image_is_logged_and_touches_no_result(bench) -> None:
    bench.models.set_shadow(Shadow(BUGGY_VERSION, 1.0))
    ids = bench.submit(*HUNDRED)
    bench.assert_each_succeeded_once(ids)
    wait_until(lambda: bench.log_text().count("shadow_failed") >= len(ids), what="every failure in the log")
    assert _shadowed(bench, ids) == []
    assert {job.attempts for job in bench.ended(ids)} == {1}
    assert len(bench.register.alive()) == 2


def test_a_damaged_shadow_is_refused_and_another_takes_its_place(bench) -> None:
    bench.models.set_shadow(Shadow(DAMAGED_VERSION, 1.0))
    refused = bench.submit(*HUNDRED[:10])
    assert {job.status for job in bench.ended(refused)} == {JobStatus.SUCCEEDED}
    wait_until(lambda: "shadow_refused" in bench.log_text(), what="the refusal in the log")
    assert _shadowed(bench, refused) == []
    bench.models.set_shadow(Shadow("fault-2", 1.0))

    submitted: list[str] = []

    def shadowed() -> bool:
        # All of them are asked again: the shadow answers after the job has ended.
        submitted.extend(bench.submit(bytes([90])))
        bench.ended(submitted[-1:])
        return bool(_shadowed(bench, submitted))

    wait_until(shadowed, 15, what="an answer of the other shadow")


@pytest.mark.parametrize("end", ["promoted", "ended"])
def test_a_shadow_that_is_promoted_or_ended_answers_no_more(bench, end: str) -> None:
    bench.models.set_shadow(Shadow("fault-2" if end == "promoted" else OPPOSITE_VERSION, 1.0))
    while_it_ran = bench.submit(*HUNDRED[:20])
    bench.ended(while_it_ran)
    wait_until(lambda: _shadowed(bench, while_it_ran) == while_it_ran, 20, what="answers of the shadow")
    if end == "ended":
        bench.models.end_shadow()
    # A process that serves the other version has looked into the model store since.
    bench.models.set_current("fault-2")
    assert bench.models.shadow() is None
    wait_until(
        lambda: {worker.model_version for worker in bench.register.alive()} == {"fault-2"}, 20, what="the switch"
    )
    ids = bench.submit(*HUNDRED[:20])
    assert {job.model_version for job in bench.ended(ids)} == {"fault-2"}
    # A shadow answers after the results are written: a worker that has stopped has nothing left to say.
    bench.worker.send_signal(signal.SIGTERM)
    assert bench.worker.wait(timeout=40) == 0
    assert _shadowed(bench, ids) == []
    assert _noted(bench) == len(while_it_ran)
