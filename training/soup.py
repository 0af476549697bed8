"""One network out of several runs: the average of their weights (Wortsman et al. 2022, "model soups")."""

import json
import shutil
from dataclasses import replace
from typing import Any

import click
import torch
from safetensors.torch import load_file

from training.atomic import whole
from training.looks import keep_looks, looks
from training.run import Run


def average_runs(runs: list[Run], target: Run, *, input_size: int | None = None) -> None:
    """Average the weights of runs that began at the same starting weights.

    It costs nothing when serving, and usually beats the best of its ingredients, most of all on photographs unlike the
    training ones.

    Args:
        runs: Fitted runs of one data set and one architecture; averages themselves, too.
        target: Gets the average, and the split and plan of the first run.
        input_size: Edge of the pictures that the average is served with; None for the runs' own. Convolutions take any
            size; one a little smaller than in training costs less time and often no accuracy.

    Raises:
        click.UsageError: The runs do not fit together.
    """
    plans = [run.plan() for run in runs]
    if target.folder.resolve() in [run.folder.resolve() for run in runs]:
        raise click.UsageError(f"{target.folder} is one of the runs: give another folder, --run, for their average.")
    if len({(plan.architecture, plan.weights, plan.input_size) for plan in plans}) > 1:
        raise click.UsageError("These runs differ in architecture, starting weights or input size.")
    if len({run.load("dataset", step="split")["digest"] for run in runs}) > 1:
        raise click.UsageError("These runs were split or fed differently: what one trained on, another may test on.")
    states = [load_file(run.fitted_weights) for run in runs]
    ingredients = [(share / len(runs), plan) for run in runs for share, plan in run.ingredients()]
    seen = [look for run in runs for look in looks(run)]
    target.folder.mkdir(parents=True, exist_ok=True)
    share_split(runs[0], target)
    target.begin_fit(replace(plans[0], input_size=input_size or plans[0].input_size))
    target.save("ingredients", [{"share": share, "plan": plan.as_json()} for share, plan in ingredients])
    target.save("history", _histories(runs))
    keep_looks(target, seen)
    target.save_weights({name: _mean([state[name] for state in states]) for name in states[0]})


def share_split(source: Run, target: Run) -> None:
    """Let a run learn from the same photographs as another; what it was fitted on otherwise is forgotten."""
    if target.split_digest == source.split_digest:
        return
    target.folder.mkdir(parents=True, exist_ok=True)
    # The data set last: without it a split counts as none.
    for path in (target.weights, target.checkpoint, target.folder / "dataset.json"):
        path.unlink(missing_ok=True)
    for name in ("split.csv", "dataset.json"):
        with whole(target.folder / name) as part:
            shutil.copyfile(source.folder / name, part)


def _histories(runs: list[Run]) -> list[dict[str, Any]]:
    # Numbered as the card numbers the runs that the weights are an average of.
    rows, before = [], 0
    for run in runs:
        history: list[dict[str, Any]] = json.loads((run.folder / "history.json").read_text(encoding="utf-8"))
        rows += [{**row, "run": before + row.get("run", 1)} for row in history]
        before += len(run.ingredients())
    return rows


def _mean(values: list[torch.Tensor]) -> torch.Tensor:
    first = values[0]
    return torch.stack([value.float() for value in values]).mean(dim=0).to(first.dtype).contiguous()
