"""How the version that serves is made: three runs that err differently, and the average of their weights."""

import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from training import steps
from training.dinov2 import require_package
from training.plan import FitPlan
from training.progress import console
from training.run import Run
from training.soup import average_runs

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
    clock = _Clock(plans)
    for name, plan in plans.items():
        share_split(run, parts[name])
        if parts[name].is_fitted_by(plan):
            console.print(f"run {name} is fitted already")
        else:
            clock.announce(name)
            steps.run_fit(parts[name], plan)
        clock.done(name)
    both = Run(run.folder / "ab")
    average_runs([parts["b"], parts["a"]], both)
    # The teacher's run weighs as much as the two others together.
    average_runs([parts["c"], both], run)


def share_split(source: Run, target: Run) -> None:
    """Let a run learn from the same photographs as another; what it was fitted on otherwise is forgotten."""
    wanted = source.load("dataset", step="split")
    if (target.folder / "dataset.json").is_file() and target.load("dataset", step="split") == wanted:
        return
    target.folder.mkdir(parents=True, exist_ok=True)
    for path in (target.weights, target.checkpoint):
        path.unlink(missing_ok=True)
    for name in ("split.csv", "dataset.json"):
        shutil.copyfile(source.folder / name, target.folder / name)


class _Clock:
    """Tell how far the runs are, and how long the rest will take at the pace so far.

    Args:
        plans: Every run.
    """

    def __init__(self, plans: dict[str, FitPlan]) -> None:
        self._left = {name: plan.epochs for name, plan in plans.items()}
        self._count = len(plans)
        self._began: float | None = None
        self._seconds, self._epochs = 0.0, 0

    def announce(self, name: str) -> None:
        """Say which run begins."""
        self._began = time.monotonic()
        number, left = self._count - len(self._left) + 1, sum(self._left.values())
        rest = f", about {left * self._seconds / self._epochs / 60:.0f} minutes" if self._epochs else ""
        console.print(f"[bold]run {name}, {number} of {self._count}[/]: {left} epochs left in all{rest}")

    def done(self, name: str) -> None:
        """Note that a run is over."""
        epochs = self._left.pop(name)
        if self._began is not None:
            self._seconds += time.monotonic() - self._began
            self._epochs += epochs
            self._began = None
