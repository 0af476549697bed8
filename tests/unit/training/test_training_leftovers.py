"""What small or damaged files and kills between steps may do: rare labels, broken weights, foreign folders."""

import shutil
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
import torch

from common.model_store import ModelStore
from tests.unit.training.commands import TINY, invoke, name_groups
from training import leakage as leakage_module
from training import steps
from training.dataset import Dataset, Sample
from training.inputs import served_inputs
from training.leakage import leakage
from training.outputs import foreign_kinds
from training.plan import FitPlan
from training.probe import answer_by_probe
from training.run import Run
from training.weights import load_backbone_weights
from worker.inference.networks import build

SHORT = (*TINY, "--epochs", 1, "--epoch-images", 32)


class InterruptedByTestError(Exception):
    """Stands for a killed process."""


def test_a_label_in_one_fold_alone_does_not_shift_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    # "a" is one group: whoever is asked about it has never seen it, and must not lose the others by it.
    labels = ["a"] * 4 + ["b"] * 12 + ["c"] * 12
    samples = [Sample(f"{n}.jpg", label, group="one" if label == "a" else f"g{n}") for n, label in enumerate(labels)]
    data = Dataset(Path(), tuple(samples), ("a", "b", "c"))
    features = np.eye(3, dtype=np.float32)["abc".index("a") + np.array(["abc".index(label) for label in labels])]
    monkeypatch.setattr(leakage_module, "starting_features", lambda *_: features)
    found = leakage(data, FitPlan())
    assert found["by_image"] == 1.0
    assert found["by_group"] == pytest.approx(2 / 3, abs=0.12)


def test_a_probe_that_knows_one_label_says_that_one() -> None:
    ones = np.ones((3, 2), np.float32)
    assert answer_by_probe(ones, np.array([1, 1, 1]), ["a"] * 3, asked=ones, num_labels=3).argmax(axis=1).tolist() == [
        1,
        1,
        1,
    ]


@pytest.mark.parametrize("name", ["start.pt", "start.safetensors"])
def test_weights_that_cannot_be_read_are_refused_in_words(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no weights at all")
    network = build("timm:test_efficientnet", 2).backbone
    with pytest.raises(click.UsageError, match="holds no weights that can be read"):
        load_backbone_weights(network, "timm:test_efficientnet", str(tmp_path / name))


def test_a_file_of_something_else_than_weights_is_refused_in_words(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    network = build("timm:test_efficientnet", 2).backbone
    with pytest.raises(click.UsageError, match="holds no state dict"):
        load_backbone_weights(network, "timm:test_efficientnet", str(tmp_path / "list.pt"))


def test_an_image_that_broke_after_the_split_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(Exception, match=r"broken\.jpg: .*split anew"):
        list(served_inputs([tmp_path / "broken.jpg"], FitPlan().preprocessing))


def test_a_foreign_folder_without_sub_folders_is_refused_before_training(made_data: Path, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "cat.jpg").write_bytes(b"x")
    with pytest.raises(click.UsageError, match="holds no sub folder with images"):
        foreign_kinds(tmp_path / "foreign")
    result = invoke("all", made_data, "--run", tmp_path / "run", "--foreign", tmp_path / "foreign", *SHORT)
    assert result.exit_code == 2
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def fitted_once(tmp_path_factory: pytest.TempPathFactory, write_data: Callable[[Path], Path]) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    name_groups(write_data(folder / "data"))
    for command in (("split", folder / "data"), ("fit", *SHORT), ("calibrate",)):
        assert invoke(*command, "--run", folder / "run").exit_code == 0
    return folder


@pytest.mark.parametrize("rule", ["mahalanobis", "knn"])
def test_what_is_no_image_among_the_foreign_ones_is_left_out_by_name(
    fitted_once: Path, tmp_path: Path, made_data: Path, rule: str
) -> None:
    run = Run(tmp_path / "run")
    shutil.copytree(fitted_once / "run", run.folder)
    (tmp_path / "foreign").mkdir()
    (made_data / "blue").rename(tmp_path / "foreign" / "skies")
    (tmp_path / "foreign" / "skies" / "sources.txt").write_text("taken by us")
    assert invoke("calibrate", "--run", run.folder, "--rule", rule).exit_code == 0
    result = invoke("evaluate", "--run", run.folder, "--foreign", tmp_path / "foreign")
    assert result.exit_code == 0, result.output
    assert "left out 1 that are no images: skies/sources.txt" in result.output


def test_all_goes_on_after_a_kill_before_each_step(
    fitted_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, store = Run(tmp_path / "run"), ModelStore(tmp_path / "store")
    shutil.copytree(fitted_once / "run", run.folder)
    places = ("--run", run.folder, "--store", store.root, "--version", "v1")
    command = ("all", fitted_once / "data", *places, *SHORT)

    def stop(*_: object, **__: object) -> None:
        raise InterruptedByTestError

    for step in ("run_split", "run_calibrate", "run_evaluate", "run_export", "run_promote"):
        with monkeypatch.context() as patch:
            patch.setattr(steps, step, stop)
            with pytest.raises(InterruptedByTestError):
                invoke(*command)
    result = invoke(*command)
    assert result.exit_code == 0, result.output
    assert "is fitted already by these very choices" in result.output.replace("\n", " ")
    assert "v1 is exported already" in result.output
    assert ": loss " not in result.output
    assert store.current() == "v1"
    assert "looked at once" in (store.folder("v1") / "card.md").read_text()


def test_groups_are_found_by_the_same_network_whatever_is_trained(
    made_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def features(dataset: Dataset, plan: FitPlan) -> np.ndarray:  # type: ignore[type-arg]
        asked.append(plan.weights)
        return np.eye(len(dataset.samples), dtype=np.float32)

    def stop(*_: object) -> None:
        raise InterruptedByTestError

    monkeypatch.setattr(steps, "starting_features", features)
    monkeypatch.setattr(steps, "run_fit", stop)
    with pytest.raises(InterruptedByTestError):
        invoke("all", made_data, "--run", tmp_path / "run", *SHORT)
    assert asked == ["package"]
