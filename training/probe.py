"""A linear classifier on fixed features: the starting head of fine-tuning, and the yardstick of leakage."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.measure import Floats, Labels

# Strong enough that 1,280 features do not simply memorise some hundred photographs: best of 1e-4 to 1e-1 on validation.
_INVERSE_PENALTY = 3e-3

# Logit of a label that a probe has not seen.
_NEXT_TO_NOTHING = -20.0


def fit_probe(
    features: Floats, truth: Labels, groups: list[str], *, inverse_penalty: float = _INVERSE_PENALTY
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit a multinomial logistic regression in which labels, and groups within a label, weigh the same.

    Args:
        features: float [N, D].
        truth: Label index of each row.
        groups: Group of each row.
        inverse_penalty: The larger, the closer to the photographs.

    Returns:
        Weight [L, D] and bias [L] for the features as they are.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = LogisticRegression(C=inverse_penalty, max_iter=3000)
    model.fit((features - mean) / deviation, truth, sample_weight=_weights(truth, groups))
    weight = model.coef_ / deviation
    bias = model.intercept_ - weight @ mean
    if len(weight) == 1:
        # Of two labels scikit-learn keeps only the second's lead over the first.
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight.astype(np.float32), bias.astype(np.float32)


def answer_by_probe(
    known: Floats, truth: Labels, groups: list[str], *, asked: Floats, num_labels: int, **options: float
) -> NDArray[np.float32]:
    """Answer rows by a probe fitted on others.

    Args:
        known: float [N, D], to fit on.
        truth: Label index of each.
        groups: Group of each.
        asked: float [M, D], to answer.
        num_labels: How many labels there are; one that is not among the known rows is given next to nothing.
        options: Of `fit_probe`.

    Returns:
        Logits [M, L].
    """
    present, indices = np.unique(truth, return_inverse=True)
    logits = np.full((len(asked), num_labels), _NEXT_TO_NOTHING, dtype=np.float32)
    if len(present) == 1:
        logits[:, present] = 0
        return logits
    weight, bias = fit_probe(known, indices, groups, **options)
    logits[:, present] = asked @ weight.T + bias
    return logits


def _weights(truth: Labels, groups: list[str]) -> Floats:
    _, member, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    weights = 1.0 / counts[member]
    for label in np.unique(truth):
        weights[truth == label] /= weights[truth == label].sum()
    scaled: Floats = weights * len(truth) / weights.sum()
    return scaled
