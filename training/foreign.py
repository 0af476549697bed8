"""Fit the scores that tell foreign images, from training photographs alone."""

from pathlib import Path
from typing import Any

import numpy as np

from training.atomic import whole
from training.outputs import Floats, SplitOutputs
from worker.inference.foreign import Arrays, ForeignScore, unit_rows
from worker.inference.runtime import NetworkOutput

# The arrays of the rule that serves.
FOREIGN_FILE = "foreign.npz"

KINDS = ("mahalanobis", "knn", "energy")

# Share of dental validation photographs that may be called foreign; the bar for unseen ones is 5 %.
ALLOWED_REJECTIONS = 0.02

# Keeps the within-class covariance well conditioned with fewer photographs than features (Ledoit and Wolf's idea). From
# 0.01 to 3 the separation stays within 0.001; the more, the less it clings to the cameras of the training photographs.
_SHRINKAGE = 0.5

# At least this much variance in every direction: with one photograph a label there is none within the labels.
_LEAST_VARIANCE = 1e-6


def fit_score(kind: str, train: SplitOutputs, num_labels: int) -> ForeignScore:
    """Fit one score.

    Args:
        kind: One of `KINDS`.
        train: Answers on the training split.
        num_labels: How many labels.
    """
    # Rounded as they will be stored, so that the threshold fits what serves.
    arrays = _ARRAYS[kind](train, num_labels)
    return ForeignScore(kind, {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()})


def save_score(score: ForeignScore, folder: Path) -> str | None:
    """Store the arrays of a score; give the name of the file, if it needs one."""
    (folder / FOREIGN_FILE).unlink(missing_ok=True)
    if not score.arrays:
        return None
    halves: dict[str, Any] = {name: array.astype(np.float16) for name, array in score.arrays.items()}
    with whole(folder / FOREIGN_FILE) as part, part.open("wb") as file:
        np.savez_compressed(file, **halves)
    return FOREIGN_FILE


def threshold(score: ForeignScore, val: SplitOutputs) -> float:
    """Find the score that at most `ALLOWED_REJECTIONS` of the validation photographs exceed."""
    return float(np.quantile(scores(score, val), 1 - ALLOWED_REJECTIONS))


def scores(score: ForeignScore, outputs: SplitOutputs) -> Floats:
    """Score every row."""
    return score.of(NetworkOutput(outputs.logits, outputs.features))


def _mahalanobis(train: SplitOutputs, num_labels: int) -> Arrays:
    # Lee et al. 2018: class means and one shared covariance, here as a whitening projection.
    unit = unit_rows(train.features).astype(np.float64)
    means = np.stack([unit[train.truth == label].mean(axis=0) for label in range(num_labels)])
    centred = unit - means[train.truth]
    covariance = centred.T @ centred / len(unit)
    shared = max(_SHRINKAGE * float(np.trace(covariance)) / len(covariance), _LEAST_VARIANCE)
    covariance += shared * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(covariance)
    # Every direction counts: foreign images differ where dental ones do not.
    projection = vectors / np.sqrt(values)
    return {"projection": projection, "means": means @ projection}


def _knn(train: SplitOutputs, _: int) -> Arrays:
    # One photograph a group: copies would make a crowd of neighbours out of one.
    first = np.unique(np.asarray(train.groups), return_index=True)[1]
    return {"bank": unit_rows(train.features[np.sort(first)])}


def _energy(_: SplitOutputs, __: int) -> Arrays:
    return {}


_ARRAYS = {"mahalanobis": _mahalanobis, "knn": _knn, "energy": _energy}
