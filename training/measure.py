"""Figures of merit from labels and probabilities: pure functions on arrays."""

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer]


def confusion(truth: Labels, guesses: Labels, num_labels: int) -> NDArray[np.int64]:
    """Count pairs: rows are the truth, columns the guesses."""
    return np.bincount(truth * num_labels + guesses, minlength=num_labels**2).reshape(num_labels, num_labels)


def f1_scores(truth: Labels, guesses: Labels, num_labels: int) -> NDArray[np.float64]:
    """Compute F1 of each label; a label that is neither present nor guessed counts as not a number."""
    counts = confusion(truth, guesses, num_labels)
    hits = np.diag(counts).astype(np.float64)
    total = counts.sum(axis=0) + counts.sum(axis=1)
    scores = np.full(num_labels, np.nan)
    np.divide(2 * hits, total, out=scores, where=total > 0)
    return scores


def macro_f1(truth: Labels, guesses: Labels, num_labels: int) -> float:
    """Average F1 over the labels that are present or guessed."""
    return float(np.nanmean(f1_scores(truth, guesses, num_labels)))
