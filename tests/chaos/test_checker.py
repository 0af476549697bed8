"""The judge finds each kind of broken promise, and none where there is none."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.checker import judge, judge_emptiness
from tests.chaos.ledger import BatchSent, Ledger, Sending
from tests.chaos.pictures import picture
from tests.chaos.raw_store import RawJob, Snapshot
from tests.chaos.reference import label_of, outcome_of, steps_of

VERSION = "stand-in-1"
BATCH = "b"


def _succeeded(job_id: str, name: str, image: bytes, **more: str) -> RawJob:
    steps = ",".join(str(step) for step in steps_of(image, VERSION))
    result = {"version": VERSION, "outcome": outcome_of(image, VERSION), "probabilities": steps}
    return RawJob(job_id, {"status": "succeeded", "filename": name, "attempts": "1", **result, **more})


class World:
    """Three jobs that succeeded: one alone, two of a batch; and what their sender was told."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.ledger.images = {f"{number}.png": f"image {number}".encode() for number in range(3)}
        self.alone = Sending(["0.png"], key="k", told=[{"0.png": "j0"}])
        self.together = Sending(["1.png", "2.png"], batch=BATCH, told=[{"1.png": "j1", "2.png": "j2"}])
        self.ledger.sendings = [self.alone, self.together]
        self.ledger.batches = {BATCH: BatchSent(BATCH, [self.together])}
        images = self.ledger.images
        self.jobs = {
            "j0": _succeeded("j0", "0.png", images["0.png"]),
            "j1": _succeeded("j1", "1.png", images["1.png"], batch=BATCH),
            "j2": _succeeded("j2", "2.png", images["2.png"], batch=BATCH),
        }
        self.stored = Snapshot(jobs=self.jobs, batch_jobs={BATCH: ["j1", "j2"]}, files=["j0", "j1", "j2"])
        self.stored.batches = {BATCH: {"state": "open", "total": "2", "succeeded": "2"}}
        self.stored.batch_ranks = {BATCH: {}}
        self.counts = self.stored.counts
        self.counts.update(submitted=3, succeeded=3)
        for job in self.jobs.values():
            self._count(job)

    def _count(self, job: RawJob) -> None:
        label, outcome = label_of(job.steps), job.fields["outcome"]
        for name in (f"label {VERSION} {label}", f"outcome {VERSION} {outcome}"):
            self.counts[name] = self.counts.get(name, 0) + 1
        if "batch" in job.fields:
            record = self.stored.batches[BATCH]
            counted = [f"outcome {outcome}", *([f"label {label}"] if outcome == "answered" else [])]
            record.update({name: str(int(record.get(name, 0)) + 1) for name in counted})
            self.stored.batch_ranks[BATCH].setdefault(f"{outcome} {label}", []).append(job.id)

    def judged(self) -> list[str]:
        return judge(self.ledger, self.stored, earlier={}, max_attempts=3)


def lose_a_job(world: World) -> None:
    del world.jobs["j0"]


def lose_the_image_of_a_job(world: World) -> None:
    world.stored.files.remove("j0")


def leave_a_job_running(world: World) -> None:
    world.jobs["j0"].fields["status"] = "running"


def answer_wrongly(world: World) -> None:
    world.jobs["j0"].fields["probabilities"] = "1,2,99997"


def fail_for_no_reason(world: World) -> None:
    world.jobs["j0"].fields.update(status="failed", error_code="image_missing")


def count_a_result_twice(world: World) -> None:
    world.counts["succeeded"] += 1


def count_a_label_twice(world: World) -> None:
    world.counts[f"label {VERSION} {label_of(world.jobs['j0'].steps)}"] += 1


def count_a_submission_twice(world: World) -> None:
    world.counts["submitted"] += 1


def make_two_jobs_under_one_key(world: World) -> None:
    world.alone.unknown = 1
    world.jobs["j9"] = _succeeded("j9", "0.png", world.ledger.images["0.png"])


def make_a_job_of_a_refused_image(world: World) -> None:
    world.ledger.images["9.png"] = b"refused"
    world.jobs["j9"] = _succeeded("j9", "9.png", b"refused")


def let_a_cancelled_job_succeed(world: World) -> None:
    world.ledger.see({"id": "j0", "status": "cancelled", "model_version": None, "predictions": []})


def change_the_version_of_a_result(world: World) -> None:
    world.ledger.see({"id": "j0", "status": "succeeded", "model_version": "stand-in-2", "predictions": []})


def show_a_terminal_job_as_queued(world: World) -> None:
    done = {"id": "j0", "status": "succeeded", "model_version": VERSION, "predictions": []}
    world.ledger.see(done)
    world.ledger.see(done | {"status": "queued"})


def count_a_batch_wrongly(world: World) -> None:
    world.stored.batches[BATCH]["succeeded"] = "3"


def list_a_job_of_a_batch_twice(world: World) -> None:
    world.stored.batch_jobs[BATCH].append("j1")


def lose_a_batch(world: World) -> None:
    del world.stored.batches[BATCH]


def rank_a_job_wrongly(world: World) -> None:
    world.stored.batch_ranks[BATCH] = {"failed": ["j1"]}


def keep_an_erased_job(world: World) -> None:
    world.ledger.erased["j0"] = True


def leave_a_file(world: World) -> None:
    world.stored.files.append("gone")


def leave_half_a_file(world: World) -> None:
    world.stored.files.append("j0.part")


def leave_a_key_without_end(world: World) -> None:
    world.stored.mortal_without_end.append("dentiq:claim:x")


def try_a_job_too_often(world: World) -> None:
    world.jobs["j0"].fields["attempts"] = "4"


SABOTAGE = [
    lose_a_job,
    lose_the_image_of_a_job,
    leave_a_job_running,
    answer_wrongly,
    fail_for_no_reason,
    count_a_result_twice,
    count_a_label_twice,
    count_a_submission_twice,
    make_two_jobs_under_one_key,
    make_a_job_of_a_refused_image,
    let_a_cancelled_job_succeed,
    change_the_version_of_a_result,
    show_a_terminal_job_as_queued,
    count_a_batch_wrongly,
    list_a_job_of_a_batch_twice,
    lose_a_batch,
    rank_a_job_wrongly,
    keep_an_erased_job,
    leave_a_file,
    leave_half_a_file,
    leave_a_key_without_end,
    try_a_job_too_often,
]


def test_no_two_pictures_are_alike_though_threads_make_them() -> None:
    names = [f"{number}.png" for number in range(400)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(picture, names))
    assert all(name.encode() in image for name, image in zip(names, made, strict=True))


def test_a_world_in_order_is_not_complained_of() -> None:
    assert World().judged() == []


@pytest.mark.parametrize("sabotage", SABOTAGE, ids=lambda one: one.__name__)
def test_the_judge_finds(sabotage: Callable[[World], None]) -> None:
    world = World()
    sabotage(world)
    assert world.judged()


def test_a_request_without_an_answer_may_have_made_a_job_or_not() -> None:
    world = World()
    unanswered = Sending(["5.png"], unknown=1)
    world.ledger.sendings.append(unanswered)
    world.ledger.images["5.png"] = b"5"
    assert world.judged() == []
    world.jobs["j5"] = RawJob("j5", {"status": "cancelled", "filename": "5.png"})
    world.stored.files.append("j5")
    world.counts.update(submitted=4, cancelled=1)
    assert world.judged() == []
    unanswered.unknown = 0
    assert world.judged()


def test_what_is_left_after_retention_is_told() -> None:
    world = World()
    assert len(judge_emptiness(world.stored, before=world.counts)) >= len(world.jobs)
    assert judge_emptiness(Snapshot(counts=world.counts), before=dict(world.counts)) == []
