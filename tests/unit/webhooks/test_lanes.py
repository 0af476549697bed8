"""Who may be given a request, by a clock that stands still until it is set."""

import pytest

from worker.webhooks.lanes import PLACES, Lanes


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lanes(clock: Clock) -> Lanes:
    return Lanes(clock)


def answer(lanes: Lanes, *receivers: str) -> None:
    """Let receivers become known as quick."""
    for receiver in receivers:
        lanes.end(receiver, lanes.begin(receiver), seconds=0.01)


def may_have(lanes: Lanes, receiver: str) -> bool:
    choice = lanes.choice()
    return (receiver in choice.receivers) is choice.among


def give_all(lanes: Lanes, *receivers: str) -> int:
    """Give requests to receivers that have more than enough of them; tell how many they got."""
    for given in range(PLACES):
        receiver = next((name for name in receivers if may_have(lanes, name)), None)
        if receiver is None:
            return given
        lanes.begin(receiver)
    return PLACES


@pytest.mark.parametrize("silent", [4, 8, 12])
def test_quick_receivers_that_fall_silent_together_leave_places_to_another(lanes: Lanes, silent: int) -> None:
    names = [f"quick-{number}" for number in range(silent)]
    answer(lanes, *names, "another")
    assert give_all(lanes, *names) < PLACES
    assert may_have(lanes, "another")


def test_one_that_keeps_a_request_is_quick_no_more(lanes: Lanes, clock: Clock) -> None:
    answer(lanes, "silent", "another")
    lanes.begin("silent")
    assert give_all(lanes, "silent") == 3
    clock.now = 2.0
    lanes.begin("another")
    # Twelve requests to receivers that are slow are all that those may have: these four count among them.
    strangers = [f"stranger-{number}" for number in range(20)]
    assert give_all(lanes, *strangers) == 12 - 4
    assert may_have(lanes, "another")
    assert not may_have(lanes, "silent")


def test_one_that_answers_again_is_quick_again(lanes: Lanes, clock: Clock) -> None:
    answer(lanes, "slow")
    kept = lanes.begin("slow")
    clock.now = 5.0
    assert give_all(lanes, "slow") == 1
    lanes.end("slow", kept, seconds=5.0)
    answer(lanes, "slow")
    assert give_all(lanes, "slow") == 3
