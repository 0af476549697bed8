"""Everything that is measured at a release: splits, shortcuts, foreign images."""

from pathlib import Path
from typing import Any

import numpy as np

from common.manifest import OodRule
from training.evaluate import Thresholds, figures
from training.foreign import KINDS, fit_score, scores, threshold
from training.measure import macro_f1, separation
from training.outputs import SplitOutputs, folder_outputs, split_outputs
from training.run import Run
from training.shortcuts import CHANGES
from worker.inference.foreign import ForeignScore
from worker.inference.runtime import NetworkOutput


def split_figures(run: Run, splits: tuple[str, ...], thresholds: Thresholds) -> dict[str, Any]:
    """Measure whole splits."""
    labels = run.dataset().labels
    return {split: figures(split_outputs(run, split), labels, thresholds) for split in splits}


def shortcut_figures(run: Run, split: str) -> dict[str, Any]:
    """Measure what each shortcut was worth: macro-F1 without it, and the loss."""
    count = len(run.dataset().labels)
    plain = _macro_f1(split_outputs(run, split), count)
    changed = {name: _macro_f1(split_outputs(run, split, name), count) for name in CHANGES}
    return {name: {"macro_f1": round(v, 4), "loss": round(plain - v, 4)} for name, v in changed.items()}


def foreign_figures(run: Run, folder: Path, split: str, rule: OodRule) -> dict[str, Any]:
    """Compare the scores that tell foreign images, and measure the rule that serves.

    Args:
        run: A calibrated run.
        folder: Foreign images, a sub folder a kind; never trained on.
        split: The dental photographs to tell them from.
        rule: The rule that serves.
    """
    inside, outside = split_outputs(run, split), folder_outputs(run, folder)
    train, count = split_outputs(run, "train"), len(run.dataset().labels)
    found: dict[str, Any] = {}
    for kind in KINDS:
        score = fit_score(kind, train, count)
        limit = rule.threshold if kind == rule.kind else threshold(score, split_outputs(run, "val"))
        found[kind] = _separations(score, limit, inside, outside)
    return {"rule": rule.kind, "scores": found}


def _separations(
    score: ForeignScore, limit: float, inside: SplitOutputs, outside: dict[str, tuple[Any, Any]]
) -> dict[str, Any]:
    own = scores(score, inside)
    strange = {kind: score.of(NetworkOutput(*arrays)) for kind, arrays in outside.items()}
    return {
        "dental_rejected": round(float(np.mean(own > limit)), 4),
        "auroc": {kind: round(separation(own, values), 4) for kind, values in strange.items()},
        "rejected": {kind: round(float(np.mean(values > limit)), 4) for kind, values in strange.items()},
    }


def _macro_f1(outputs: SplitOutputs, count: int) -> float:
    return macro_f1(outputs.truth, outputs.logits.argmax(axis=1), count)
