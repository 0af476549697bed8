"""Choices at the edge of what can be trained: few images an epoch, rates that blow up, numbers that are none."""

import json
import math
from pathlib import Path

import pytest
import torch

from tests.unit.training.commands import TINY, invoke, name_groups
from training import fit
from training.run import Run
from training.steps import _half
from worker.inference.networks import build


@pytest.fixture
def run(made_data: Path, tmp_path: Path) -> Run:
    name_groups(made_data)
    run = Run(tmp_path / "run")
    assert invoke("split", made_data, "--run", run.folder).exit_code == 0
    return run


@pytest.mark.parametrize("images", [3, 32, 100])
def test_an_epoch_of_few_images_is_learned_from(run: Run, images: int) -> None:
    result = invoke("fit", "--run", run.folder, *TINY, "--epochs", 1, "--epoch-images", images)
    assert result.exit_code == 0, result.output
    (epoch,) = json.loads((run.folder / "history.json").read_text())
    assert math.isfinite(epoch["loss"])
    assert run.weights.is_file()


def test_an_epoch_without_an_image_of_each_label_is_refused(run: Run) -> None:
    result = invoke("fit", "--run", run.folder, *TINY, "--epochs", 1, "--epoch-images", 2)
    assert result.exit_code == 2
    assert "--epoch-images 2 is less than one image of each of the 3 labels" in result.output
    assert not run.weights.exists()


def test_a_loss_that_is_no_number_ends_the_fit_as_a_failure(run: Run, tmp_path: Path) -> None:
    start = build("timm:test_efficientnet", 3).backbone.state_dict()
    start["conv_stem.weight"][:] = math.nan
    torch.save(start, tmp_path / "start.pt")
    result = invoke("fit", "--run", run.folder, *TINY, "--epoch-images", 96, "--weights", tmp_path / "start.pt")
    assert result.exit_code == 1, result.output
    assert "Give a lower --head-rate (now 0.002) or other starting --weights" in result.output
    assert not run.weights.exists()


def test_weights_that_blow_up_in_the_last_step_end_the_fit_as_a_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "log_loss", lambda *_: math.nan)
    result = invoke("fit", "--run", run.folder, *TINY, "--epochs", 1, "--epoch-images", 32)
    assert result.exit_code == 1, result.output
    assert "validation loss of epoch 1 is nan" in result.output
    assert not run.weights.exists()


@pytest.mark.parametrize(
    "option",
    [
        ("--epochs", 0),
        ("--epoch-images", -1),
        ("--input-size", 8),
        ("--head-rate", 0),
        ("--head-rate", 1e30),
        ("--head-rate", "nan"),
        ("--frozen-share", 1.5),
        ("--label-smoothing", 1),
        ("--average-decay", 1),
        ("--seed", -1),
    ],
)
def test_a_choice_out_of_bounds_is_refused_before_anything_is_done(tmp_path: Path, option: tuple[str, object]) -> None:
    result = invoke("fit", "--run", tmp_path / "run", *TINY, *option)
    assert result.exit_code == 2
    assert f"Invalid value for '{option[0]}'" in result.output
    assert not (tmp_path / "run").exists()


def test_leaving_out_every_photograph_of_a_label_is_refused(run: Run) -> None:
    rows = run.folder / "split.csv"
    rows.write_text(rows.read_text().replace(",original,blue", ",original,blue|grass"))
    result = invoke("fit", "--run", run.folder, *TINY, "--multi-label", "drop")
    assert result.exit_code == 2
    assert "leaves no training photograph of blue" in result.output


def test_a_value_too_large_for_half_precision_is_stored_whole() -> None:
    assert _half(torch.tensor([70_000.0])).tolist() == [70_000.0]
    assert _half(torch.tensor([0.5])).dtype == torch.float16
    assert _half(torch.tensor([3])).dtype == torch.int64
