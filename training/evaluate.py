"""Figures of a trained network on a split, as the manifest states them."""

from typing import Any

import numpy as np

from training.measure import f1_scores, macro_f1
from training.outputs import SplitOutputs


def figures(outputs: SplitOutputs, labels: tuple[str, ...]) -> dict[str, Any]:
    """Measure a split, all images and originals alone.

    Returns:
        `{"all": {...}, "original": {...}}` with images, groups, accuracy, macro_f1 and f1 by label.
    """
    return {"all": _part(outputs, labels), "original": _part(outputs.originals, labels)}


def _part(outputs: SplitOutputs, labels: tuple[str, ...]) -> dict[str, Any]:
    if not outputs.samples:
        return {"images": 0}
    guesses = outputs.logits.argmax(axis=1)
    scores = f1_scores(outputs.truth, guesses, len(labels))
    return {
        "images": len(outputs.samples),
        "groups": len(set(outputs.groups)),
        "accuracy": round(float(np.mean(guesses == outputs.truth)), 4),
        "macro_f1": round(macro_f1(outputs.truth, guesses, len(labels)), 4),
        "f1": {label: round(float(s), 4) for label, s in zip(labels, scores, strict=True) if not np.isnan(s)},
    }
