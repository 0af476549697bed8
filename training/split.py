"""The split into training, validation and test: by group, never by image."""

from collections import defaultdict
from dataclasses import replace

import click
import numpy as np

from training.dataset import Dataset
from training.index import SPLITS, first_few

# Of the groups of each label.
_SHARES = {"test": 0.15, "val": 0.15}


def assign_splits(dataset: Dataset, *, seed: int) -> Dataset:
    """Give every sample a split: the one its index says, else by chance, its whole group alike.

    A group that was found across several splits of the index goes to the last of train, val and test: what was set
    aside to measure with stays aside.

    Args:
        dataset: Samples without a group count as groups of their own.
        seed: Of the chance.
    """
    split_of: dict[str, str] = {}
    for sample in dataset.samples:
        if sample.split:
            group = sample.group or sample.file
            split_of[group] = max(sample.split, split_of.get(group, sample.split), key=SPLITS.index)
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


def require_usable(dataset: Dataset) -> list[str]:
    """See that every split serves its purpose.

    Returns:
        A sentence for each split that lacks a label.

    Raises:
        click.UsageError: A label has nothing to learn from, or there is nothing to calibrate or measure with.
    """
    labels_of = {split: {sample.label for sample in dataset.of(split)} for split in SPLITS}
    if missing := [label for label in dataset.labels if label not in labels_of["train"]]:
        raise click.UsageError(
            f"No photograph of {', '.join(missing)} is left to learn from: give more of them, or let the column "
            "`split` of index.csv leave some groups to train."
        )
    if empty := [split for split in ("val", "test") if not labels_of[split]]:
        raise click.UsageError(
            f"No photograph is left for {' and '.join(empty)}: some label needs at least three groups of photographs, "
            "one to learn from, one to calibrate with (val) and one to measure with (test)."
        )
    lacking = {split: [label for label in dataset.labels if label not in labels_of[split]] for split in SPLITS}
    return [f"{split} has no photograph of {first_few(names)}" for split, names in lacking.items() if names]
