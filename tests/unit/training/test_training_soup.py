"""Averaging runs: the mean of their weights, and only of runs that belong together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import pytest
import torch
from safetensors.torch import load_file, save_file

from training.dataset import Dataset, Sample
from training.plan import FitPlan
from training.run import Run
from training.soup import average_runs

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0.jpg").write_bytes(b"x")

    def make(name: str, value: float, plan: FitPlan | None = None, split: str = "train") -> Run:
        run = Run(tmp_path / name)
        sample = Sample("a/0.jpg", "a", split=split, all_labels=("a",))
        run.save_split(Dataset(tmp_path, (sample,), ("a", "b")))
        run.save_plan(plan or FitPlan())
        run.save("history", [])
        save_file({"head.weight": torch.full((2,), value).half(), "steps": torch.tensor([3])}, run.weights)
        return run

    return make


def test_the_average_is_the_mean_of_each_weight_in_its_own_type(make_run: MakeRun, tmp_path: Path) -> None:
    target = Run(tmp_path / "average")
    average_runs([make_run("one", 1.0), make_run("two", 3.0)], target)
    weights = load_file(target.weights)
    assert weights["head.weight"].tolist() == [2.0, 2.0]
    assert weights["head.weight"].dtype == torch.float16
    assert weights["steps"].tolist() == [3]
    assert target.plan() == FitPlan()
    assert target.ingredients() == [(0.5, FitPlan()), (0.5, FitPlan())]
    assert target.dataset().labels == ("a", "b")


def test_runs_of_different_networks_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    other = replace(FitPlan(), architecture="timm:resnet18")
    with pytest.raises(click.UsageError, match="architecture"):
        average_runs([make_run("one", 1.0), make_run("two", 1.0, other)], Run(tmp_path / "average"))


def test_runs_that_were_split_differently_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="split"):
        average_runs([make_run("one", 1.0), make_run("two", 1.0, split="test")], Run(tmp_path / "average"))


def test_an_average_of_an_average_knows_the_share_of_each_run(make_run: MakeRun, tmp_path: Path) -> None:
    first, second = Run(tmp_path / "first"), Run(tmp_path / "second")
    average_runs([make_run("one", 1.0), make_run("two", 3.0)], first)
    average_runs([make_run("three", 6.0, replace(FitPlan(), seed=3)), first], second)
    assert [(share, plan.seed) for share, plan in second.ingredients()] == [(0.5, 3), (0.25, 17), (0.25, 17)]
    assert load_file(second.weights)["head.weight"].tolist() == [4.0, 4.0]


def test_an_average_may_be_served_smaller_than_it_was_trained(make_run: MakeRun, tmp_path: Path) -> None:
    target = Run(tmp_path / "average")
    average_runs([make_run("one", 1.0), make_run("two", 3.0)], target, input_size=212)
    assert target.plan().preprocessing.input_size == 212
    assert {plan.input_size for _, plan in target.ingredients()} == {224}
