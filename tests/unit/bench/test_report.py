"""The bench compares round by round, says of a bar what its rounds allow, and keeps what other runs measured."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.bench import gpu_loop
from tests.bench.__main__ import main
from tests.bench.report import BARS, gpu_figures, lines, ratios
from tests.bench.results import About, Found, write
from tests.bench.rounds import Figure, verdict
from tests.bench.sides import Turn
from tests.fixtures.images import encode_image


def values(figures: dict[str, Figure]) -> dict[str, float | None]:
    return {name: figure.value for name, figure in figures.items()}


def test_sides_are_compared_within_a_round() -> None:
    # The machine was twice as fast in the second round; nobody gained on anybody.
    bare = [Turn(100, 1.0, 1.0), Turn(100, 0.5, 1.0)]
    folder = [Turn(100, 1.25, 1.25), Turn(100, 0.625, 1.25)]
    found = ratios({"folder": folder, "bare loop": bare})
    assert values(found) == {"folder / bare loop": 0.8, "folder / bare loop, by processor time": 0.8}


def test_the_best_peer_of_each_kind_is_the_one_to_beat() -> None:
    slow, fast, ours = ([Turn(100, seconds, 1.0)] for seconds in (4.0, 2.0, 1.0))
    found = ratios({"folder": ours, "flask, torch": slow, "litserve, torch": fast, "flask, onnx": fast})
    assert values(found) == {"folder / best peer as documented": 2.0, "folder / best peer with our runtime": 2.0}


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        (Figure.of([0.87, 0.86, 0.90]), "met"),
        (Figure.of([0.80, 0.79, 0.84]), "MISSED"),
        (Figure.of([0.95, 0.96]), "too few rounds"),
        (Figure.of([0.95]), "too few rounds"),
        # Two rounds of three say met, and the third says that the machine did something else meanwhile.
        (Figure.of([0.70, 0.86, 0.87]), "disturbed: 0.7 to 0.87"),
        # One bad round of twelve is no reason to doubt the others.
        (Figure.of([0.40, *[0.90] * 11]), "met"),
        # Measured once, from samples of its own.
        (Figure(0.86), "met"),
        (Figure(0.84), "MISSED"),
        (Figure(None, missing="no card"), "not measured: no card"),
    ],
)
def test_a_bar_is_met_or_missed_only_where_the_rounds_agree(figure: Figure, told: str) -> None:
    assert verdict(figure, ">=", 0.85) == told


def test_less_is_better_where_the_bar_says_so() -> None:
    assert verdict(Figure.of([9.0, 9.5, 9.9]), "<=", 10) == "met"
    assert verdict(Figure.of([9.0, 9.5, 10.1]), "<=", 10) == "disturbed: 9 to 10.1"


def test_each_bar_of_a_figure_is_told_in_its_row() -> None:
    found = {"folder / bare loop": Figure.of([0.86, 0.87, 0.88]), "scrape of web, ms": Figure(21.0), **gpu_figures({})}
    rows = {line[:50].strip(): line[50:].split(maxsplit=1) for line in lines({}, found)}
    assert rows["folder / bare loop"] == ["0.87", ">= 0.85  met, >= 0.9  MISSED"]
    assert rows["scrape of web, ms"] == ["21", "<= 20  MISSED"]
    assert " ".join(rows["GPU, folder / bare GPU loop"]) == ">= 0.7  not measured: no card"
    assert " ".join(rows["GPU, folder, images/s"]) == ">= 1000  not measured: no card"


def test_a_gpu_is_judged_against_its_own_loop() -> None:
    turns = {"GPU, folder": [Turn(1000, 1.0, 1.0)] * 3, "bare GPU loop": [Turn(1000, 0.8, 1.0)] * 3}
    assert values(gpu_figures(turns)) == {"GPU, folder / bare GPU loop": 0.8, "GPU, folder, images/s": 1000}


def about(date: str) -> About:
    return About(date, "abc", False, "a processor", 2, "Linux", "3.11", 0.5, {"rounds": 3})


def test_a_part_of_a_run_replaces_its_part_and_keeps_the_rest_with_its_run(tmp_path: Path) -> None:
    path = tmp_path / "bench" / "results.json"
    first, second = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"
    write(
        path,
        about(first),
        Found({"folder": [Turn(10, 1.0, 1.0)]}, {"a": Figure(1.0), "folder / bare loop": Figure(0.8)}),
    )
    write(path, about(second), Found({}, {"a": Figure(2.0)}))
    stored = json.loads(path.read_text())
    assert (stored["figures"]["a"]["value"], stored["figures"]["a"]["run"]) == (2.0, second)
    assert stored["figures"]["folder / bare loop"]["run"] == first
    assert [bar["verdict"] for bar in stored["figures"]["folder / bare loop"]["bars"]] == ["MISSED", "MISSED"]
    assert stored["sides"]["folder"]["turns"][0]["images"] == 10
    assert stored["runs"].keys() == {first, second}
    assert stored["runs"][second]["settings"] == {"rounds": 3}


def test_a_run_of_which_nothing_is_left_goes(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('{"figures": {"of an earlier form": 1.0}}')
    for date in ("2026-01-01", "2026-01-02"):
        write(path, about(date), Found({}, {"a": Figure(1.0)}))
    stored = json.loads(path.read_text())
    assert stored["runs"].keys() == {"2026-01-02"}
    assert stored["figures"].keys() == {"a"}


def test_a_run_says_when_where_and_of_which_code_it_is() -> None:
    found = About.now(rounds=3)
    assert found.date.endswith("+00:00")
    assert found.cores >= 1
    assert found.load >= 0
    # The name of the processor is what the system tells, and some tell none.
    assert all((found.system, found.python))
    assert found.settings == {"rounds": 3}


@pytest.mark.parametrize(
    "arguments", [("--rounds", "0"), ("--images", "0"), ("--images", "-4"), ("--only", "everything")]
)
def test_what_cannot_be_measured_is_refused_by_a_sentence(arguments: tuple[str, str], tmp_path: Path) -> None:
    refused = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "out.json")])
    assert refused.exit_code == 2
    assert "Error:" in refused.output
    assert arguments[1] in refused.output
    assert not list(tmp_path.iterdir())


def test_a_run_without_a_card_says_so_and_measures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.__main__.cuda_is_usable", lambda: False)
    answered = CliRunner().invoke(main, ["--only", "gpu", "--out", str(tmp_path / "out.json")])
    assert answered.exit_code == 0, answered.output
    assert answered.output.count("not measured: no card") == 2
    stored = json.loads((tmp_path / "out.json").read_text())
    assert stored["figures"]["GPU, folder, images/s"]["missing"] == "no card"
    (run,) = stored["runs"].values()
    assert run["settings"]["only"] == ["gpu"]


def test_the_loop_for_a_gpu_classifies_every_photograph(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_loop, "usable_cores", lambda: 1)
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(encode_image(width=64 + number, height=64))
    gpu_loop.main(str(tmp_path), "cpu")
    told = json.loads(capsys.readouterr().out)
    assert told["images"] == 3
    assert told["seconds"] > 0


def test_every_bar_names_a_figure_once() -> None:
    assert len({(name, bar) for name, _, bar in BARS}) == len(BARS)
