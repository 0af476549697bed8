"""Temperature and abstention, fitted on validation: probabilities that mean what they say."""

import numpy as np

from training.measure import Floats, Labels, risk_coverage
from worker.inference.calibration import probabilities

# What is answered shall be right this often.
WANTED_ACCURACY = 0.90

# Between which a temperature is looked for; a network that wants another is not calibrated by one.
TEMPERATURES = (0.2, 5.0)


def fit_temperature(logits: Floats, truth: Labels, groups: list[str]) -> float:
    """Find the temperature that makes the truth likeliest, each group weighing the same (Guo et al. 2017)."""
    weights = group_weights(groups)

    def surprise(temperature: float) -> float:
        rows = probabilities(logits.astype(np.float32), temperature)
        return -float(np.sum(weights * np.log(rows[np.arange(len(truth)), truth] + 1e-12)))

    # The curve is flat around its one minimum; steps of 1 % are finer than any validation set can tell.
    candidates = np.geomspace(*TEMPERATURES, 324)
    return round(float(candidates[np.argmin([surprise(float(value)) for value in candidates])]), 4)


def abstain_threshold(rows: Floats, truth: Labels, *, wanted: float = WANTED_ACCURACY) -> float:
    """Find the lowest top probability from which on answers are right often enough.

    Args:
        rows: Calibrated probabilities [N, L] on validation.
        truth: Label index of each row.
        wanted: Accuracy of what is answered.

    Returns:
        The threshold; just above the surest answer if even that is not right often enough.
    """
    share, accuracy = risk_coverage(rows, truth)
    confidence = np.sort(rows.max(axis=1))[::-1]
    good = np.flatnonzero(accuracy >= wanted)
    if not len(good):
        return min(1.0, float(confidence[0]) + 1e-6)
    return int(confidence[good[-1]] * 10_000) / 10_000 if share[good[-1]] < 1 else 0.0


def group_weights(groups: list[str]) -> Floats:
    """Weigh rows so that each group weighs the same; they sum to one."""
    _, member, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return 1 / (counts[member] * len(counts))
