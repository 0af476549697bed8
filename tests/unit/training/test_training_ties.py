"""Figures belong to weights, input size, split and calibration; looks at test are counted; averages show all runs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.training.commands import TINY, invoke, name_groups
from training import steps
from training.looks import looks, looks_sentence
from training.plots import draw_history, pictures_folder
from training.run import Run

SHORT = (*TINY, "--epochs", 1, "--epoch-images", 32)


class InterruptedByTestError(Exception):
    """Stands for a killed process."""


def step(run: Run, *command: object) -> None:
    result = invoke(*command, "--run", run.folder)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def measured_once(tmp_path_factory: pytest.TempPathFactory, write_data: Callable[[Path], Path]) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    data, run = write_data(folder / "data"), Run(folder / "run")
    name_groups(data)
    for command in (("split", data), ("fit", *SHORT), ("calibrate",), ("evaluate", "--test")):
        step(run, *command)
    return run.folder


@pytest.fixture
def run(measured_once: Path, tmp_path: Path) -> Run:
    shutil.copytree(measured_once, tmp_path / "run")
    return Run(tmp_path / "run")


def export(run: Run, *options: object) -> tuple[int, str]:
    result = invoke("export", "--run", run.folder, "--store", run.folder / "store", "--version", "v1", *options)
    return result.exit_code, result.output


def test_figures_of_another_calibration_are_not_exported(run: Run) -> None:
    step(run, "calibrate", "--rule", "energy")
    code, output = export(run)
    assert code == 2
    assert "metrics.json" in output
    assert "is of other calibration.json: run" in output
    assert not (run.folder / "store").exists()
    step(run, "calibrate")
    assert export(run)[0] == 0


def test_a_rule_of_another_calibration_is_not_used(run: Run) -> None:
    (run.folder / "foreign.npz").write_bytes(b"of another rule")
    code, output = export(run)
    assert code == 2
    assert "is of other foreign.npz" in output


def test_figures_of_an_average_at_another_input_size_are_not_used(run: Run, tmp_path: Path) -> None:
    average = Run(tmp_path / "average")
    step(average, "average", run.folder)
    step(average, "calibrate")
    step(average, "average", run.folder, "--input-size", 48)
    result = invoke("evaluate", "--run", average.folder)
    assert result.exit_code == 2
    assert "is of other input size" in result.output


def test_an_average_cannot_take_the_place_of_its_own_ingredient(run: Run) -> None:
    result = invoke("average", run.folder, "--run", run.folder)
    assert result.exit_code == 2
    assert "is one of the runs" in result.output
    assert run.weights.is_file()


def test_pictures_of_validation_do_not_replace_those_of_test(run: Run) -> None:
    before = (pictures_folder(run, "test") / "confusion.png").read_bytes()
    step(run, "evaluate")
    assert export(run)[0] == 0
    assert (run.folder / "store" / "v1" / "confusion.png").read_bytes() == before
    assert (pictures_folder(run, "val") / "confusion.png").is_file()


def test_a_second_look_at_the_same_figures_is_none_and_one_at_others_is_counted(run: Run) -> None:
    step(run, "evaluate", "--test")
    assert len(looks(run)) == 1
    assert looks_sentence(run) == "Test was looked at once in this run."
    step(run, "calibrate", "--rule", "energy")
    step(run, "evaluate", "--test")
    assert len(looks(run)) == 2
    assert export(run, "--note", "Chosen on validation.")[0] == 0
    card = (run.folder / "store" / "v1" / "card.md").read_text()
    assert "Test was looked at 2 times in this run" in card
    assert "\n\nChosen on validation.\n" in card
    french = (run.folder / "store" / "v1" / "card.fr.md").read_text(encoding="utf-8")
    assert "ont été regardées 2 fois dans cette exécution" in french
    assert "\n\n(En anglais\u00a0:) Chosen on validation.\n" in french


def test_a_look_is_noted_before_its_figures_are_known(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    step(run, "calibrate", "--rule", "energy")

    def stop(*_: object) -> None:
        raise InterruptedByTestError

    monkeypatch.setattr(steps, "split_figures", stop)
    with pytest.raises(InterruptedByTestError):
        invoke("evaluate", "--run", run.folder, "--test")
    assert [look["step"] for look in looks(run)] == ["evaluate --test"] * 2


def test_an_average_was_looked_at_wherever_its_ingredients_were(run: Run, tmp_path: Path) -> None:
    average = Run(tmp_path / "average")
    step(average, "average", run.folder)
    assert looks(average) == looks(run)


def test_the_history_of_an_average_is_that_of_each_of_its_runs(run: Run, tmp_path: Path) -> None:
    second, inner, outer = Run(tmp_path / "second"), Run(tmp_path / "inner"), Run(tmp_path / "outer")
    shutil.copytree(run.folder, second.folder)
    step(inner, "average", second.folder, run.folder)
    step(outer, "average", run.folder, inner.folder)
    history = json.loads((outer.folder / "history.json").read_text())
    assert [(row["run"], row["epoch"]) for row in history] == [(1, 1), (2, 1), (3, 1)]
    draw_history(tmp_path / "all.png", history)
    draw_history(tmp_path / "first.png", history[:1])
    assert (tmp_path / "all.png").read_bytes() != (tmp_path / "first.png").read_bytes()


def test_a_fit_that_is_refused_keeps_the_weights_it_would_replace(run: Run) -> None:
    result = invoke("fit", "--run", run.folder, *SHORT, "--weights", run.folder / "nothing.pt")
    assert result.exit_code == 2
    assert run.weights.is_file()
    assert export(run)[0] == 0


def test_weights_never_stand_beside_the_choices_of_another_fit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: object) -> None:
        raise InterruptedByTestError

    with monkeypatch.context() as patch:
        patch.setattr(steps, "print_epoch", stop)
        with pytest.raises(InterruptedByTestError):
            invoke("fit", "--run", run.folder, *SHORT, "--seed", 5)
    result = invoke("calibrate", "--run", run.folder)
    assert result.exit_code == 2
    assert "has no weights: run" in result.output


def test_a_damaged_file_of_the_run_says_which_step_makes_it(run: Run) -> None:
    for name, told in (("metrics", "evaluate --test"), ("calibration", "calibrate"), ("plan", "training fit")):
        (run.folder / f"{name}.json").write_text("{")
        code, output = export(run)
        assert code == 2, output
        assert f"{name}.json is damaged: run" in output
        assert told in output


def test_images_that_went_away_after_the_split_are_told(run: Run, tmp_path: Path) -> None:
    values = json.loads((run.folder / "dataset.json").read_text())
    values["root"] = str(tmp_path / "moved")
    (run.folder / "dataset.json").write_text(json.dumps(values))
    result = invoke("fit", "--run", run.folder, *SHORT)
    assert result.exit_code == 2
    assert "42 of 42 images that were split are gone from" in result.output


@pytest.mark.parametrize(
    ("options", "damage", "told"),
    [
        (("--seed", 17), False, "goes on after epoch 1 of 3"),
        (("--seed", 18), False, "begins anew: the interrupted fit was asked for otherwise: now seed 18 instead of 17"),
        (("--seed", 17), True, "begins anew: checkpoint.pt of the interrupted fit cannot be read"),
    ],
)
def test_a_fit_says_whether_it_goes_on_and_why_not(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], damage: bool, told: str
) -> None:
    def stop(_: object) -> None:
        raise InterruptedByTestError

    plan = (*TINY, "--epochs", 3, "--epoch-images", 32)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "print_epoch", stop)
        with pytest.raises(InterruptedByTestError):
            invoke("fit", "--run", run.folder, *plan)
    if damage:
        run.checkpoint.write_bytes(b"half")
    result = invoke("fit", "--run", run.folder, *plan, *options)
    assert result.exit_code == 0, result.output
    assert told in result.output.replace("\n", " ")
    assert "more to go, about" in result.output


def test_a_fit_over_a_fitted_run_says_so(run: Run) -> None:
    again = invoke("fit", "--run", run.folder, *SHORT).output.replace("\n", "")
    assert "was fitted by these very choices: its weights will be replaced" in again
    assert "begins: epoch 1 of 1" in again
