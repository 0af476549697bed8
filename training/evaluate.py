"""Figures of a trained network on a split, as the manifest and the card state them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.bootstrap import interval
from training.measure import Floats, Labels, calibration_error, confusion, f1_scores, macro_f1
from training.outputs import SplitOutputs
from worker.inference.calibration import probabilities

_Figure = Callable[[Labels, Floats], float]


@dataclass(frozen=True)
class Thresholds:
    """What turns logits into answers.

    Attributes:
        temperature: Of the softmax.
        abstain: Smallest top probability that is answered.
    """

    temperature: float = 1.0
    abstain: float = 0.0


def figures(outputs: SplitOutputs, labels: tuple[str, ...], thresholds: Thresholds, *, seed: int = 0) -> dict[str, Any]:
    """Measure a split, all images and originals alone.

    Args:
        outputs: Answers on the split.
        labels: Class slugs.
        thresholds: Temperature and abstention.
        seed: Of the bootstrap.

    Returns:
        `{"all": {...}, "original": {...}}`; intervals are 95 %, by resampling groups.
    """
    return {
        "all": _part(outputs, labels, thresholds, seed=seed),
        "original": _part(outputs.originals, labels, thresholds, seed=seed),
    }


def _part(outputs: SplitOutputs, labels: tuple[str, ...], thresholds: Thresholds, *, seed: int) -> dict[str, Any]:
    if not outputs.samples:
        return {"images": 0}
    rows = probabilities(outputs.logits, thresholds.temperature)
    truth, guesses = outputs.truth, rows.argmax(axis=1)

    def bounds(figure: _Figure) -> tuple[float, float]:
        return interval(outputs.groups, lambda chosen: figure(truth[chosen], rows[chosen]), seed=seed)

    count = len(labels)
    scores = f1_scores(truth, guesses, count)
    by_label = {label: round(float(s), 4) for label, s in zip(labels, scores, strict=True) if not np.isnan(s)}
    return {
        "images": len(truth),
        "groups": len(set(outputs.groups)),
        "accuracy": _accuracy(truth, rows),
        "accuracy_interval": bounds(_accuracy),
        "macro_f1": round(macro_f1(truth, guesses, count), 4),
        "macro_f1_interval": bounds(lambda t, r: macro_f1(t, r.argmax(axis=1), count)),
        "f1": by_label,
        "f1_interval": {label: bounds(_f1_of(labels.index(label), count)) for label in by_label},
        "calibration_error": round(calibration_error(rows, truth), 4),
        "answered": answered(rows, truth, thresholds.abstain),
        "confusion": confusion(truth, guesses, count).tolist(),
    }


def answered(rows: Floats, truth: Labels, abstain: float) -> dict[str, float]:
    """Measure what is answered when unsure images are not."""
    sure = rows.max(axis=1) >= abstain
    right = rows.argmax(axis=1)[sure] == truth[sure]
    return {
        "share": round(float(sure.mean()), 4),
        "accuracy": round(float(right.mean()), 4) if sure.any() else 0.0,
    }


def _accuracy(truth: Labels, rows: Floats) -> float:
    return round(float(np.mean(rows.argmax(axis=1) == truth)), 4)


def _f1_of(label: int, count: int) -> _Figure:
    return lambda truth, rows: float(f1_scores(truth, rows.argmax(axis=1), count)[label])
