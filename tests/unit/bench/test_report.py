"""The bench compares round by round and says of each bar whether it was met."""

from tests.bench.report import lines, ratios
from tests.bench.sides import Turn


def test_sides_are_compared_within_a_round() -> None:
    # The machine was twice as fast in the second round; nobody gained on anybody.
    bare = [Turn(100, 1.0, 1.0), Turn(100, 0.5, 1.0)]
    folder = [Turn(100, 1.25, 1.25), Turn(100, 0.625, 1.25)]
    found = ratios({"bare loop": bare, "folder": folder})
    assert found == {"folder / bare loop": 0.8, "folder / bare loop, by processor time": 0.8}


def test_the_best_peer_of_each_kind_is_the_one_to_beat() -> None:
    slow, fast, ours = ([Turn(100, seconds, 1.0)] for seconds in (4.0, 2.0, 1.0))
    found = ratios({"folder": ours, "flask, torch": slow, "litserve, torch": fast, "flask, onnx": fast})
    assert found == {"folder / best peer as documented": 2.0, "folder / best peer with our runtime": 2.0}


def test_a_missed_bar_is_called_one() -> None:
    table = "\n".join(lines({}, {"folder / bare loop": 0.84, "idle overhead p50, ms": 9.9, "scrape of web, ms": 20.0}))
    assert [line.split()[-1] for line in table.splitlines() if "bare loop" in line or "idle" in line] == [
        "MISSED",
        "met",
    ]
    assert "scrape of web" in table
