"""The split into training, validation and test: by group, never by image."""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from training.dataset import Dataset

# Of the groups of each label.
_SHARES = {"test": 0.15, "val": 0.15}


def assign_splits(dataset: Dataset, *, seed: int) -> Dataset:
    """Give every sample a split: the one its index says, else by chance, its whole group alike.

    Args:
        dataset: Samples without a group count as groups of their own.
        seed: Of the chance.
    """
    split_of = {sample.group or sample.file: sample.split for sample in dataset.samples if sample.split}
    open_groups: dict[str, list[str]] = defaultdict(list)
    for sample in dataset.samples:
        group = sample.group or sample.file
        if group not in split_of and group not in open_groups[sample.label]:
            open_groups[sample.label].append(group)
    generator = np.random.default_rng(seed)
    for label in sorted(open_groups):
        split_of.update(_by_chance(open_groups[label], generator))
    return dataset.with_samples(
        replace(sample, split=split_of[sample.group or sample.file]) for sample in dataset.samples
    )


def _by_chance(groups: list[str], generator: np.random.Generator) -> dict[str, str]:
    order = [groups[index] for index in generator.permutation(len(groups))]
    result = dict.fromkeys(order, "train")
    start = 0
    for split, share in _SHARES.items():
        # Even a small class is measured: at least one group each, as long as one remains to train on.
        count = min(max(1, round(share * len(order))), max(0, len(order) - start - 1))
        result.update(dict.fromkeys(order[start : start + count], split))
        start += count
    return result
