"""The curves of a version, measured: what its pictures show and its model card draws."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from common.curves import CoveragePoint, Curves, Epoch, ReliabilityBin
from training.evaluate import Thresholds
from training.measure import Floats, Labels, reliability, risk_coverage
from training.outputs import SplitOutputs
from worker.inference.calibration import probabilities

# A picture 300 pixels wide shows no more.
_POINTS: Final = 100


def measure_curves(outputs: SplitOutputs, thresholds: Thresholds, history: Sequence[Mapping[str, Any]]) -> Curves:
    """Measure the curves of a split.

    Args:
        outputs: Answers on the split.
        thresholds: Temperature and abstention.
        history: A row an epoch, as `fit` leaves them; empty where there are none.
    """
    rows, truth = probabilities(outputs.logits, thresholds.temperature), outputs.truth
    answered = _answered(rows, truth)
    ends = np.unique(np.linspace(1, len(truth), min(_POINTS, len(truth))).round().astype(int))
    return Curves(
        reliability=tuple(
            ReliabilityBin(images=images, confidence=round(confidence, 6), right=right)
            for images, confidence, right in reliability(rows, truth)
        ),
        coverage=tuple(answered[end] for end in ends),
        served=answered[int(np.sum(rows.max(axis=1) >= thresholds.abstain))],
        history=tuple(
            Epoch(
                run=row.get("run", 1),
                epoch=row["epoch"],
                loss=round(row["loss"], 4),
                macro_f1=round(row["val_macro_f1"], 4),
            )
            for row in history
        ),
    )


def _answered(rows: Floats, truth: Labels) -> list[CoveragePoint]:
    """Count what is right of the surest none, one, two and so on."""
    _, accuracy = risk_coverage(rows, truth)
    right = np.rint(accuracy * np.arange(1, len(truth) + 1)).astype(int)
    return [CoveragePoint(answered=n, right=count) for n, count in enumerate([0, *right.tolist()])]
