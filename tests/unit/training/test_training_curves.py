"""Curves that a model card draws: the very numbers of the manifest, and readable by whoever has another version."""

import json
from pathlib import Path

import numpy as np
import pytest

from common.curves import CURVES_NAME, CoveragePoint, Curves, Epoch
from common.errors import ModelInvalidError
from common.model_store import ModelStore
from training.curves import measure_curves
from training.dataset import Sample
from training.evaluate import Thresholds, figures
from training.outputs import SplitOutputs

HISTORY = [
    {"epoch": 1, "loss": 1.5, "val_loss": 1.0, "val_macro_f1": 0.5},
    {"run": 2, "epoch": 1, "loss": 1.25, "val_loss": 0.9, "val_macro_f1": 0.625},
]


def answers(count: int) -> SplitOutputs:
    """Answers on a split of two labels: the surer, the more often right."""
    chance = np.random.default_rng(3)
    truth = np.arange(count) % 2
    logits = chance.normal(0, 1.5, (count, 2)).astype(np.float32)
    logits[np.arange(count), truth] += 1
    samples = [Sample(f"{number}.jpg", "ab"[label], group=str(number)) for number, label in enumerate(truth)]
    return SplitOutputs(samples, truth, logits, logits)


@pytest.mark.parametrize("count", [3, 40, 733])
def test_curves_say_what_the_figures_say(count: int) -> None:
    outputs, thresholds = answers(count), Thresholds(temperature=0.7, abstain=0.8)
    curves, found = measure_curves(outputs, thresholds, []), figures(outputs, ("a", "b"), thresholds)["all"]
    assert curves.images == sum(part.images for part in curves.reliability) == count
    assert curves.calibration_error == pytest.approx(found["calibration_error"], abs=6e-5)
    assert curves.coverage[-1].accuracy == pytest.approx(found["accuracy"], abs=6e-5)
    assert curves.served.accuracy == pytest.approx(found["answered"]["accuracy"], abs=6e-5)
    assert curves.served.answered / count == pytest.approx(found["answered"]["share"], abs=6e-5)
    assert len(curves.coverage) == min(100, count)
    assert curves.coverage[0].answered == 1


def test_curves_of_a_version_that_answers_nothing_are_drawn_all_the_same() -> None:
    curves = measure_curves(answers(10), Thresholds(abstain=1.0), [])
    assert curves.served == CoveragePoint(answered=0, right=0)
    assert curves.served.accuracy == 0
    assert curves.history == ()


def test_the_history_of_each_run_is_kept() -> None:
    curves = measure_curves(answers(10), Thresholds(), HISTORY)
    assert curves.history == (
        Epoch(run=1, epoch=1, loss=1.5, macro_f1=0.5),
        Epoch(run=2, epoch=1, loss=1.25, macro_f1=0.625),
    )


def test_curves_are_read_as_they_were_written(tmp_path: Path) -> None:
    curves = measure_curves(answers(40), Thresholds(), HISTORY)
    (tmp_path / CURVES_NAME).write_text(curves.as_json(), encoding="utf-8")
    assert Curves.read(tmp_path / CURVES_NAME) == curves
    (tmp_path / CURVES_NAME).write_text(curves.as_json()[:-20], encoding="utf-8")
    with pytest.raises(ModelInvalidError):
        Curves.read(tmp_path / CURVES_NAME)


@pytest.mark.parametrize(
    "wrong",
    [
        {"coverage": [{"answered": 0, "right": 0}]},
        {"coverage": [{"answered": 10, "right": 11}]},
        {"served": {"answered": 11, "right": 1}},
        {"reliability": [{"images": 10, "confidence": 0.5, "right": 11}]},
    ],
    ids=["none answered", "more right than answered", "more served than there are", "more right in a bin than it has"],
)
def test_curves_whose_counts_do_not_fit_are_damaged(tmp_path: Path, wrong: dict[str, object]) -> None:
    whole = json.loads(measure_curves(answers(10), Thresholds(), []).as_json())
    (tmp_path / CURVES_NAME).write_text(json.dumps(whole | wrong), encoding="utf-8")
    with pytest.raises(ModelInvalidError):
        Curves.read(tmp_path / CURVES_NAME)


def test_the_curves_of_the_version_that_serves_are_those_of_its_figures(repository: Path) -> None:
    store = ModelStore(repository / "model_store")
    manifest = store.verify(store.current())
    assert CURVES_NAME in manifest.files
    curves, found = Curves.read(store.file(manifest.version, CURVES_NAME)), manifest.metrics["test"]["all"]
    assert curves.images == found["images"]
    assert round(curves.calibration_error, 4) == found["calibration_error"]
    assert round(curves.coverage[-1].accuracy, 4) == found["accuracy"]
    assert round(curves.served.accuracy, 4) == found["answered"]["accuracy"]
    assert round(curves.served.answered / curves.images, 4) == found["answered"]["share"]
    assert curves.history
