"""How the version that serves is made: three runs that err differently, and the average of their weights."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from training import steps
from training.checkpoint import read_state
from training.dinov2 import require_package
from training.plan import FitPlan
from training.progress import console, duration
from training.run import Run
from training.soup import average_runs, share_split
from training.teacher import TEACHER_FILE

Recipe = Literal["one", "served"]


@dataclass(frozen=True)
class Ingredient:
    """One run of a recipe.

    Attributes:
        name: Of its folder, inside the folder of the whole.
        changes: What it does unlike the plan of the whole.
        seed_offset: Added to the seed.
    """

    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    seed_offset: int = 0


# What each gave, and why these: docs/model.md.
_SERVED = (
    Ingredient("a"),
    Ingredient("b", {"epochs": 8, "head_start": "probe", "head_rate": 1e-3, "rate_decay": 0.8, "mix": 0.4}),
    Ingredient("c", {"epochs": 12, "teacher": "dinov2"}, seed_offset=1),
)


def served_plans(plan: FitPlan, given: Collection[str]) -> dict[str, FitPlan]:
    """Plan the runs whose average serves.

    Args:
        plan: The choices of the whole.
        given: Which of them were made on purpose, and so hold for every run.

    Returns:
        The plan of each run by its name.

    Raises:
        click.UsageError: A teacher is wanted and not installed.
    """
    plans = {
        one.name: replace(
            plan,
            seed=plan.seed + one.seed_offset,
            **{name: value for name, value in one.changes.items() if name not in given},
        )
        for one in _SERVED
    }
    if any(each.teacher != "none" for each in plans.values()):
        # Said before the first run, not after a quarter of an hour.
        require_package()
    return plans


def fit_served(run: Run, plans: dict[str, FitPlan]) -> None:
    """Fit each run of the recipe and leave their average in a run that was split; what is fitted already stays."""
    parts = {name: Run(run.folder / name) for name in plans}
    for part in parts.values():
        share_split(run, part)
    clock = _Clock({name: _epochs_left(parts[name], plan) for name, plan in plans.items()})
    for name, plan in plans.items():
        if parts[name].is_fitted_by(plan):
            console.print(f"run {name} is fitted already")
        else:
            clock.announce(name, teacher=plan.teacher != "none" and not (parts[name].folder / TEACHER_FILE).is_file())
            steps.run_fit(parts[name], plan)
            clock.done(name)
    both = Run(run.folder / "ab")
    average_runs([parts["b"], parts["a"]], both)
    # The teacher's run weighs as much as the two others together.
    average_runs([parts["c"], both], run)


def _epochs_left(run: Run, plan: FitPlan) -> int:
    if run.is_fitted_by(plan):
        return 0
    return plan.epochs - read_state(run.checkpoint, plan, run.split_digest).epochs


class _Clock:
    """Tell how far the runs are, and how long the rest will take at the pace so far.

    Args:
        left: How many epochs each run still has to do.
    """

    def __init__(self, left: dict[str, int]) -> None:
        self._names, self._left = list(left), dict(left)
        self._began, self._seconds, self._epochs = 0.0, 0.0, 0

    def announce(self, name: str, *, teacher: bool) -> None:
        """Say which run begins, and whether a teacher has to look at the photographs first."""
        self._began = time.monotonic()
        number, left = self._names.index(name) + 1, sum(self._left.values())
        rest = f", about {duration(left * self._seconds / self._epochs)}" if self._epochs else ""
        # A network fifteen times as large, once for each photograph: no pace of epochs tells how long.
        more = ", and first the teacher's look at every photograph" if teacher else ""
        console.print(f"[bold]run {name}, {number} of {len(self._names)}[/]: {left} epochs left in all{rest}{more}")

    def done(self, name: str) -> None:
        """Note that a run is over."""
        self._seconds += time.monotonic() - self._began
        self._epochs += self._left.pop(name)
