"""Heat maps on the worker's side: drawn once, kept with the job, gone with it."""

import pytest

from common.errors import InferenceError, StorageUnavailableError, StoredImageMissingError
from common.jobs.explanations import ExplanationRegister
from common.jobs.record import Explanation
from common.storage import explanation_key, image_key
from worker.explain import ExplanationWork


class FakeExplainer:
    version = "v1"
    current = ""

    def __init__(self) -> None:
        self.before_answer = lambda: None
        self.picture: bytes | None = b"a picture"

    def explain(self, _data: bytes, *, label: str | None = None) -> bytes | None:
        self.before_answer()
        return None if self.picture is None else self.picture + f" of {label}".encode()


@pytest.fixture
def explainer() -> FakeExplainer:
    return FakeExplainer()


@pytest.fixture
def register(bench) -> ExplanationRegister:
    return ExplanationRegister(bench.client)


@pytest.fixture
def work(bench, register, explainer) -> ExplanationWork:
    return ExplanationWork(
        bench.store, register, bench.storage, explainer, comes=lambda version: version == explainer.current
    )


@pytest.fixture
def answered(bench) -> str:
    (job_id,) = bench.submit(bytes([90]))
    bench.run()
    return job_id


def test_a_heat_map_of_the_first_label_is_kept_with_the_job(bench, register, work, answered: str) -> None:
    assert register.ask(answered) == (Explanation.ASKED, True)
    work.run(answered)
    assert bench.storage.get(explanation_key(answered)) == b"a picture of caries"
    assert register.ask(answered) == (Explanation.READY, False)
    assert bench.store.get(answered).explanation is Explanation.READY


def test_a_heat_map_is_asked_for_once_at_a_time(register, answered: str) -> None:
    assert register.ask(answered) == (Explanation.ASKED, True)
    assert register.ask(answered) == (Explanation.ASKED, False)


def test_a_network_that_cannot_tell_gives_none(bench, register, work, explainer, answered: str) -> None:
    explainer.picture = None
    work.run(answered)
    assert register.ask(answered) == (Explanation.UNAVAILABLE, False)


def test_another_version_explains_nothing(register, work, explainer, answered: str) -> None:
    explainer.version = "v2"
    work.run(answered)
    assert register.ask(answered) == (Explanation.UNAVAILABLE, False)


def test_a_version_that_this_process_is_about_to_take_up_is_waited_for(
    bench, register, work, explainer, answered: str
) -> None:
    explainer.version, explainer.current = "v0", "v1"
    work.run(answered)
    assert register.ask(answered) == (Explanation.ASKED, True)
    explainer.version = "v1"
    work.run(answered)
    assert register.ask(answered) == (Explanation.READY, False)


def test_a_network_that_fails_on_an_image_is_asked_again_and_not_for_ever(
    bench, register, work, explainer, answered: str
) -> None:
    drawings = []

    def fail() -> None:
        drawings.append(answered)
        raise InferenceError("The network failed on this image.")

    explainer.before_answer = fail
    for _ in range(4):
        assert register.ask(answered) == (Explanation.ASKED, True)
        work.run(answered)
        bench.client.hset(f"dentiq:job:{answered}", mapping={"explanation_asked": 1, "explanation_begun": 1})
    assert register.ask(answered) == (Explanation.UNAVAILABLE, False)
    assert drawings == [answered] * 3


def test_a_lost_image_ends_as_unavailable(bench, register, work, answered: str) -> None:
    bench.storage.delete(image_key(answered))
    work.run(answered)
    assert register.ask(answered) == (Explanation.UNAVAILABLE, False)


class Killed(BaseException):
    """The end of a process, as kill -9 brings it."""


def test_a_heat_map_that_takes_three_processes_down_is_not_drawn_again(
    bench, register, work, explainer, answered
) -> None:
    drawings = []

    def die() -> None:
        drawings.append(answered)
        raise Killed

    def time_passes() -> None:
        bench.client.hset(f"dentiq:job:{answered}", mapping={"explanation_asked": 1, "explanation_begun": 1})

    explainer.before_answer = die
    for _ in range(3):
        assert register.ask(answered) == (Explanation.ASKED, True)
        with pytest.raises(Killed):
            work.run(answered)
        time_passes()
    assert register.ask(answered) == (Explanation.ASKED, True)
    work.run(answered)
    assert register.ask(answered) == (Explanation.UNAVAILABLE, False)
    work.run(answered)
    assert drawings == [answered] * 3


def test_a_heat_map_is_drawn_by_one_process_at_a_time(bench, register, work, explainer, answered: str) -> None:
    drawings = []

    def be_asked_again() -> None:
        drawings.append(answered)
        work.run(answered)

    explainer.before_answer = be_asked_again
    work.run(answered)
    work.run(answered)
    assert drawings == [answered]
    assert register.ask(answered) == (Explanation.READY, False)


def test_a_drawing_that_a_silent_storage_ends_is_none_that_was_lost(
    bench, register, work, monkeypatch: pytest.MonkeyPatch, answered: str
) -> None:
    def silent(_key: str) -> bytes:
        raise StorageUnavailableError("The storage does not answer.")

    with monkeypatch.context() as storage:
        storage.setattr(bench.storage, "get", silent)
        for _ in range(4):
            work.run(answered)
            bench.client.hset(f"dentiq:job:{answered}", "explanation_asked", 1)
            assert register.ask(answered) == (Explanation.ASKED, True)
    work.run(answered)
    assert register.ask(answered) == (Explanation.READY, False)


def test_nothing_is_left_of_a_job_that_is_erased_while_its_heat_map_is_drawn(
    bench, work, explainer, answered: str
) -> None:
    explainer.before_answer = lambda: bench.store.erase(answered)
    work.run(answered)
    with pytest.raises(StoredImageMissingError):
        bench.storage.get(explanation_key(answered))


def test_the_announcement_of_a_living_job_erases_nothing(bench, answered: str) -> None:
    bench.store.announce_derived(answered, grace_seconds=-1)
    assert bench.store.due_erasures() == []
    assert bench.client.exists("dentiq:erasures", "dentiq:derived") == 0
