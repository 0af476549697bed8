"""Figures of merit from labels and probabilities: pure functions on arrays."""

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer]
Floats = NDArray[np.floating]


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


def log_loss(probabilities: Floats, truth: Labels) -> float:
    """Average the surprise at the truth, in nats."""
    return -float(np.mean(np.log(probabilities[np.arange(len(truth)), truth] + 1e-12)))


def reliability(probabilities: Floats, truth: Labels, *, bins: int = 15) -> list[tuple[int, float, int]]:
    """Compare what is promised with what is right, over bins of equal mass by rising probability of the top label.

    Args:
        probabilities: float [N, L].
        truth: Label index of each row.
        bins: How many at most.

    Returns:
        Of each bin: rows, mean probability of the top label, rows whose top label is right.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
    return [(len(part), float(confidence[part].mean()), int(right[part].sum())) for part in parts if len(part)]


def calibration_error(probabilities: Floats, truth: Labels, *, bins: int = 15) -> float:
    """Compute the expected calibration error of the top label over bins of equal mass (Nixon et al. 2019).

    Args:
        probabilities: float [N, L].
        truth: Label index of each row.
        bins: How many.
    """
    found = reliability(probabilities, truth, bins=bins)
    return sum(abs(rows * confidence - right) for rows, confidence, right in found) / len(truth)


def risk_coverage(probabilities: Floats, truth: Labels) -> tuple[Floats, Floats]:
    """Trace accuracy of what is answered over the share answered, the surest first.

    Returns:
        Share answered and accuracy, each [N], by falling confidence.
    """
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    right = (probabilities.argmax(axis=1) == truth)[order]
    counts = np.arange(1, len(truth) + 1)
    return counts / len(truth), np.cumsum(right) / counts


def separation(inside: Floats, outside: Floats) -> float:
    """Compute the AUROC of scores that should be higher outside (the chance that they are, ties half)."""
    merged = np.concatenate([inside, outside])
    _, inverse, counts = np.unique(merged, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = ranks[len(inside) :].sum() - len(outside) * (len(outside) + 1) / 2
    return float(above / (len(inside) * len(outside)))
