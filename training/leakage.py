"""How much a random split flatters: the same classifier on the same images, split by image and by group."""

import numpy as np
from numpy.typing import NDArray

from training.dataset import Dataset
from training.measure import Floats, macro_f1
from training.plan import FitPlan
from training.probe import answer_by_probe
from training.start import starting_features

_FOLDS = 4


def leakage(dataset: Dataset, plan: FitPlan) -> dict[str, float]:
    """Measure a simple classifier under both splits.

    Args:
        dataset: Every image of every split.
        plan: Names the network whose starting weights give the features.

    Returns:
        Macro-F1 `by_image` and `by_group`, each over whole cross-validation.
    """
    features = starting_features(dataset, plan)
    truth = np.array([dataset.labels.index(sample.label) for sample in dataset.samples])
    images = [sample.file for sample in dataset.samples]
    groups = [sample.group or sample.file for sample in dataset.samples]
    return {
        name: round(_cross_validated(features, truth, groups, units=units, seed=plan.seed), 4)
        for name, units in (("by_image", images), ("by_group", groups))
    }


def _cross_validated(
    features: Floats, truth: NDArray[np.int64], groups: list[str], *, units: list[str], seed: int
) -> float:
    _, member = np.unique(np.asarray(units), return_inverse=True)
    fold_of_unit = np.random.default_rng(seed).permutation(int(member.max()) + 1) % _FOLDS
    guesses, count = np.empty_like(truth), int(truth.max()) + 1
    for fold in range(_FOLDS):
        held_out = fold_of_unit[member] == fold
        kept = [unit for unit, out in zip(groups, held_out, strict=True) if not out]
        # A label whose photographs are all held out is never guessed.
        logits = answer_by_probe(
            features[~held_out], truth[~held_out], kept, asked=features[held_out], num_labels=count
        )
        guesses[held_out] = logits.argmax(axis=1)
    return macro_f1(truth, guesses, count)
