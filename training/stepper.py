"""One training step after the other: layer-wise rates, warm-up and cosine decay, averaged weights."""

import copy
import math
from contextlib import closing
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.batches import epoch_batches
from training.errors import FitDivergedError
from training.pixels import Loaded
from training.plan import FitPlan
from training.progress import track
from worker.inference.networks import Network


class Stepper:
    """Change a network's weights batch by batch, and keep their moving average.

    Args:
        network: Changed in place.
        plan: Rates, averaging, targets.
        device: Where the network is.
        steps: How many an epoch has.
        taught: How many features of a teacher follow the labels in each target.
    """

    def __init__(self, network: Network, plan: FitPlan, device: torch.device, *, steps: int, taught: int = 0) -> None:
        self._network, self._plan, self._device = network, plan, device
        self._optimiser = torch.optim.AdamW(_rate_groups(network, plan), weight_decay=plan.weight_decay)
        self._steps_an_epoch = steps
        self._average = copy.deepcopy(network)
        self._step = 0
        # Translates the student's features into the teacher's; thrown away after training.
        self._translator = nn.Linear(network.head.in_features, taught).to(device) if taught else None
        if self._translator is not None:
            group = {"params": list(self._translator.parameters()), "base_rate": plan.head_rate}
            self._optimiser.add_param_group(group)

    def averaged(self) -> Network:
        """Copy the averaged network, or the network itself where nothing is averaged."""
        source = self._average if self._plan.average_decay else self._network
        return copy.deepcopy(source).eval()

    def state(self) -> dict[str, Any]:
        """Give what `restore` needs to go on later."""
        return {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self._step,
            "translator": self._translator.state_dict() if self._translator else {},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._step = state["step"]
        if self._translator is not None:
            self._translator.load_state_dict(state["translator"])

    def run_epoch(self, train: Loaded, target: NDArray[np.float32], epoch: int) -> float:
        """Train one epoch and give its mean loss.

        Raises:
            FitDivergedError: A loss was no finite number.
        """
        self._network.train(self._plan.adapt_statistics)
        title = f"epoch {epoch}/{self._plan.epochs}"
        # Closed where a step fails, too: else the loader's process and the bar's thread outlive the fit, and whoever
        # forks next may inherit a lock that nobody releases.
        with (
            closing(epoch_batches(train, target, self._plan, epoch=epoch, processes=1)) as batches,
            closing(track(batches, title, self._steps_an_epoch)) as steps,
        ):
            return float(np.mean([self._train_step(inputs, wanted) for inputs, wanted in steps]))

    def _train_step(self, inputs: Tensor, wanted: Tensor) -> float:
        self._set_rates()
        inputs = inputs.to(self._device, memory_format=torch.channels_last)
        logits, features = self._network(inputs)
        labels, taught = wanted.to(self._device).tensor_split([logits.shape[1]], dim=1)
        loss = functional.cross_entropy(logits, labels, label_smoothing=self._plan.label_smoothing)
        if self._translator is not None:
            likeness = functional.cosine_similarity(self._translator(features), taught)
            loss = loss + self._plan.teacher_weight * (1 - likeness).mean()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FitDivergedError(
                f"The loss of step {self._step + 1} is {value}: nothing is stored of this epoch. "
                f"Give a lower --head-rate (now {self._plan.head_rate}) or other starting --weights."
            )
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._optimiser.step()
        self._step += 1
        self._update_average()
        return value

    def _set_rates(self) -> None:
        total = self._steps_an_epoch * self._plan.epochs
        warm_up = min(self._steps_an_epoch, total // 5 + 1)
        factor = min(1.0, (self._step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, self._step / total)))
        for group in self._optimiser.param_groups:
            group["lr"] = group["base_rate"] * factor

    def _update_average(self) -> None:
        # The young average would otherwise remember the untrained head for hundreds of steps.
        decay = min(self._plan.average_decay, (1 + self._step) / (10 + self._step))
        own = self._network.state_dict()
        for name, value in self._average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(own[name], 1 - decay)
            else:
                value.copy_(own[name])


def _rate_groups(network: Network, plan: FitPlan) -> list[dict[str, object]]:
    blocks: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.backbone.named_parameters():
        blocks.setdefault(_block_of(name), []).append(parameter)
    frozen = round(len(blocks) * plan.frozen_share)
    groups: list[dict[str, object]] = [{"params": list(network.head.parameters()), "base_rate": plan.head_rate}]
    for depth, parameters in enumerate(blocks.values()):
        rate = plan.head_rate * plan.rate_decay ** (len(blocks) - depth)
        if depth < frozen or rate == 0:
            for parameter in parameters:
                parameter.requires_grad_(False)
        else:
            groups.append({"params": parameters, "base_rate": rate})
    return groups


def _block_of(name: str) -> str:
    # `blocks.3.1.conv_pw.weight` -> `blocks.3.1`; `conv_stem.weight` -> `conv_stem`.
    parts = name.split(".")
    numbers = [index for index, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[: max(numbers[:2]) + 1]) if numbers else parts[0]
