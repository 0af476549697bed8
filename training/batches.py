"""Training batches: balanced draws, augmentation, the serving path's preprocessing, soft targets."""

from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.augment import augment
from training.dataset import Sample
from training.pixels import Loaded
from training.plan import FitPlan, MultiLabel
from worker.inference.preprocess import preprocess

# The photograph's own label keeps this share of its target; its other labels in the source share the rest.
_OWN_LABEL_SHARE = 0.7


def targets(samples: list[Sample], labels: tuple[str, ...], multi_label: MultiLabel) -> NDArray[np.float32]:
    """Build the target distribution of each sample.

    Returns:
        float32 [N, L], rows sum to one.
    """
    result = np.zeros((len(samples), len(labels)), dtype=np.float32)
    for row, sample in zip(result, samples, strict=True):
        others = [name for name in sample.all_labels if name != sample.label and name in labels]
        if multi_label != "soft" or not others:
            row[labels.index(sample.label)] = 1.0
            continue
        row[labels.index(sample.label)] = _OWN_LABEL_SHARE
        row[[labels.index(name) for name in others]] = (1 - _OWN_LABEL_SHARE) / len(others)
    return result


def draw(samples: list[Sample], count: int, generator: np.random.Generator) -> list[int]:
    """Draw samples so that labels come evenly and, within a label, groups come evenly.

    Groups with many augmented copies then weigh no more than a single photograph.
    """
    by_group: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        by_group[(sample.label, sample.group or sample.file)].append(index)
    groups_of: dict[str, list[list[int]]] = defaultdict(list)
    for (label, _), members in sorted(by_group.items()):
        groups_of[label].append(members)
    chosen = []
    for groups in groups_of.values():
        share = count // len(groups_of)
        # Whole rounds through all groups of the label, then a part of one more: nobody is left out by chance.
        order = np.concatenate([generator.permutation(len(groups)) for _ in range(share // len(groups) + 1)])
        chosen += [int(generator.choice(groups[index])) for index in order[:share]]
    return [chosen[index] for index in generator.permutation(len(chosen))]


@dataclass(frozen=True)
class EpochSize:
    """How much one epoch is.

    Attributes:
        images: How many are drawn: as many of each label.
        batch: Images a step; what is left over is not learned from.
    """

    images: int
    batch: int

    @property
    def steps(self) -> int:
        """Whole batches."""
        return self.images // self.batch


def epoch_size(samples: list[Sample], plan: FitPlan) -> EpochSize:
    """Say how many images an epoch draws, and in how large batches: in one smaller batch where there are few.

    Raises:
        click.UsageError: The plan draws less than one image of each label.
    """
    labels = len({sample.label for sample in samples})
    images = plan.epoch_images // labels * labels
    if not images:
        raise click.UsageError(
            f"--epoch-images {plan.epoch_images} is less than one image of each of the {labels} labels: "
            f"give at least {labels}, better some hundred."
        )
    return EpochSize(images, min(plan.batch_size, images))


class _Augmented(Dataset[tuple[Tensor, Tensor]]):
    def __init__(
        self, loaded: Loaded, target: NDArray[np.float32], *, plan: FitPlan, draws: list[int], epoch: int
    ) -> None:
        self._loaded, self._target, self._plan, self._draws, self._epoch = loaded, target, plan, draws, epoch

    def __len__(self) -> int:
        return len(self._draws)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        index = self._draws[position]
        generator = np.random.default_rng((self._plan.seed, self._epoch, position))
        picture = augment(self._loaded.pixels[index], self._plan.augmentation, generator)
        return torch.from_numpy(preprocess(picture, self._plan.preprocessing)), torch.from_numpy(self._target[index])


def epoch_batches(
    loaded: Loaded, target: NDArray[np.float32], plan: FitPlan, *, epoch: int, processes: int
) -> Generator[tuple[Tensor, Tensor]]:
    """Yield the batches of one epoch; the same plan and epoch give the same batches.

    Yields:
        Inputs float32 [N, 3, H, W] and targets float32 [N, L].
    """
    generator = np.random.default_rng((plan.seed, epoch))
    draws = draw(loaded.samples, plan.epoch_images, generator)
    dataset = _Augmented(loaded, target, plan=plan, draws=draws, epoch=epoch)
    batch = epoch_size(loaded.samples, plan).batch
    loader = DataLoader(dataset, batch, num_workers=processes, drop_last=True)
    for inputs, wanted in loader:
        yield _mix(inputs, wanted, plan.mix, generator)


def _mix(inputs: Tensor, wanted: Tensor, share: float, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    # mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019), one each half of the time.
    if generator.random() >= share:
        return inputs, wanted
    weight = float(generator.beta(1.0, 1.0)) * 0.5
    other = torch.from_numpy(generator.permutation(len(inputs)))
    if generator.random() < 0.5:
        mixed = inputs * (1 - weight) + inputs[other] * weight
    else:
        mixed = inputs.clone()
        edge = inputs.shape[-1]
        side = int(edge * weight**0.5)
        top, left = (int(value) for value in generator.integers(0, edge - side + 1, 2))
        mixed[:, :, top : top + side, left : left + side] = inputs[other][:, :, top : top + side, left : left + side]
        weight = (side / edge) ** 2
    return mixed, wanted * (1 - weight) + wanted[other] * weight
