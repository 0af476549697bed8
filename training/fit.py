"""The training loop: epochs, watched on validation, and going on where an interrupted run stopped."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from training.batches import draw, epoch_size, targets
from training.checkpoint import EpochResult, keep_state, read_state
from training.errors import FitDivergedError
from training.inputs import stacked_inputs
from training.measure import log_loss, macro_f1
from training.outputs import compute
from training.pixels import Loaded
from training.plan import FitPlan
from training.probe import fit_probe
from training.progress import say, track, warn
from training.stepper import Stepper
from training.teacher import Lessons
from training.weights import load_backbone_weights
from worker.inference.calibration import probabilities
from worker.inference.networks import Network, build
from worker.inference.preprocess import preprocess


@dataclass(frozen=True)
class Pictures:
    """What a network is trained on.

    Attributes:
        train: Pictures to learn from.
        val: Pictures to watch it on; nothing is chosen by them.
        labels: Class slugs.
        split_digest: Of the split that they are of.
        lessons: What a teacher says of the training pictures.
    """

    train: Loaded
    val: Loaded
    labels: tuple[str, ...]
    split_digest: str
    lessons: Lessons | None = None


@dataclass(frozen=True)
class Fitted:
    """A trained network.

    Attributes:
        network: Averaged weights after the last epoch, in evaluation mode.
        history: Every epoch.
    """

    network: Network
    history: list[EpochResult]


def fit(
    pictures: Pictures,
    plan: FitPlan,
    *,
    checkpoint: Path,
    on_begin: Callable[[], None],
    on_epoch: Callable[[EpochResult], None],
) -> Fitted:
    """Train a network.

    The last epoch is kept: rates have fallen to zero and weights are averaged by then, while the best of many epochs on
    a few hundred photographs would mostly be the luckiest.

    Args:
        pictures: What to learn from, and what to watch it on.
        plan: Every choice.
        checkpoint: Where the state after each epoch is kept; a state of the same plan and split is gone on from.
        on_begin: Told when nothing can be refused any more.
        on_epoch: Told after each epoch.

    Raises:
        click.UsageError: An epoch would draw no image of some label, or there are no such starting weights.
        FitDivergedError: A loss was no finite number; the epochs before are kept.
    """
    torch.manual_seed(plan.seed)
    train, val, labels = pictures.train, pictures.val, pictures.labels
    steps = epoch_size(train.samples, plan).steps
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = build(plan.architecture, len(labels))
    load_backbone_weights(network.backbone, plan.architecture, plan.weights)
    if plan.head_start == "probe":
        _start_head(network, train, plan, labels)
    target = targets(train.samples, labels, plan.multi_label)
    if pictures.lessons is not None:
        target = pictures.lessons.beside(target, plan.teacher_share)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    stepper = Stepper(network, plan, device, steps=steps, taught=target.shape[1] - len(labels))
    history = _resume(checkpoint, stepper, plan, split_digest=pictures.split_digest)
    on_begin()
    val_inputs = stacked_inputs(val, plan.preprocessing)
    val_truth = np.array([labels.index(sample.label) for sample in val.samples])
    for epoch in range(len(history) + 1, plan.epochs + 1):
        loss = stepper.run_epoch(train, target, epoch)
        rows = probabilities(predict_logits(stepper.averaged(), val_inputs, device), 1.0)
        score = macro_f1(val_truth, rows.argmax(axis=1), len(labels))
        history.append(EpochResult(epoch, loss, _finite(log_loss(rows, val_truth), epoch), score))
        keep_state(checkpoint, plan, pictures.split_digest, stepper=stepper, history=history)
        on_epoch(history[-1])
    return Fitted(stepper.averaged().cpu().eval(), history)


def _finite(val_loss: float, epoch: int) -> float:
    if not math.isfinite(val_loss):
        raise FitDivergedError(
            f"The validation loss of epoch {epoch} is {val_loss}: nothing is stored of this epoch. "
            "Give a lower --head-rate or other starting --weights."
        )
    return val_loss


def _start_head(network: Network, train: Loaded, plan: FitPlan, labels: tuple[str, ...]) -> None:
    # A random head would tear the pretrained features apart before it means anything (Kumar et al. 2022).
    chosen = sorted(set(draw(train.samples, plan.epoch_images, np.random.default_rng(plan.seed))))
    pictures = (Image.fromarray(train.pixels[index]) for index in track(chosen, "starting head", len(chosen)))
    _, features = compute(network.eval(), (preprocess(picture, plan.preprocessing) for picture in pictures))
    samples = [train.samples[index] for index in chosen]
    truth = np.array([labels.index(sample.label) for sample in samples])
    weight, bias = fit_probe(features, truth, [sample.group or sample.file for sample in samples])
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(weight))
        network.head.bias.copy_(torch.from_numpy(bias))


def _resume(path: Path, stepper: Stepper, plan: FitPlan, *, split_digest: str) -> list[EpochResult]:
    kept = read_state(path, plan, split_digest)
    if kept.state is None:
        if kept.reason:
            warn("begins anew:", kept.reason)
        else:
            say(f"begins: epoch 1 of {plan.epochs}")
        return []
    stepper.restore(kept.state["stepper"])
    say(f"goes on after epoch {kept.epochs} of {plan.epochs}")
    return [EpochResult(*row) for row in kept.state["history"]]


def predict_logits(network: Network, inputs: Tensor, device: torch.device | None = None) -> NDArray[np.float32]:
    """Compute logits [N, L] of prepared inputs [N, 3, H, W], in portions."""
    network.eval()
    device = device or torch.device("cpu")
    with torch.inference_mode():
        parts = [
            network(part.to(device, memory_format=torch.channels_last))[0].float().cpu()
            for part in torch.split(inputs, 32)
        ]
    return torch.cat(parts).numpy()
