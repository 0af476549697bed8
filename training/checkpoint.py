"""The state of a fit after each epoch, and whether an interrupted one can be gone on with."""

import json
from dataclasses import astuple, dataclass
from pathlib import Path
from pickle import UnpicklingError  # nosec B403
from typing import Any

import torch

from training.atomic import whole
from training.plan import FitPlan
from training.stepper import Stepper


@dataclass(frozen=True)
class EpochResult:
    """What one epoch gave.

    Attributes:
        epoch: From 1 on.
        loss: Mean training loss.
        val_loss: Cross entropy of the averaged weights on validation.
        val_macro_f1: Their macro-F1.
    """

    epoch: int
    loss: float
    val_loss: float
    val_macro_f1: float


@dataclass(frozen=True)
class Kept:
    """What an interrupted fit left.

    Attributes:
        state: To go on from; None where there is none that fits.
        reason: Why there is none although something was left; empty where nothing was.
    """

    state: dict[str, Any] | None
    reason: str = ""

    @property
    def epochs(self) -> int:
        """How many epochs need not be done again."""
        return len(self.state["history"]) if self.state else 0


def keep_state(path: Path, plan: FitPlan, split_digest: str, *, stepper: Stepper, history: list[EpochResult]) -> None:
    """Store the state after an epoch."""
    rows = [astuple(result) for result in history]
    state = {"plan": _text(plan), "split": split_digest, "history": rows, "stepper": stepper.state()}
    with whole(path) as part:
        torch.save(state, part)


def read_state(path: Path, plan: FitPlan, split_digest: str) -> Kept:
    """Read the state of an interrupted fit of the same plan and split."""
    if not path.is_file():
        return Kept(None)
    try:
        # weights_only refuses pickled code.
        state: dict[str, Any] = torch.load(path, weights_only=True)
        chosen = json.loads(state["plan"])
    except (EOFError, KeyError, RuntimeError, ValueError, UnpicklingError):
        return Kept(None, f"{path.name} of the interrupted fit cannot be read")
    wanted = json.loads(_text(plan))
    if other := [name for name in wanted if chosen.get(name) != wanted[name]]:
        changes = ", ".join(f"{name} {wanted[name]} instead of {chosen.get(name)}" for name in other)
        return Kept(None, f"the interrupted fit was asked for otherwise: now {changes}")
    if state.get("split") != split_digest:
        # It has learned from photographs that this split may test on.
        return Kept(None, "the interrupted fit is of another split")
    return Kept(state)


def _text(plan: FitPlan) -> str:
    return json.dumps(plan.as_json(), sort_keys=True)
