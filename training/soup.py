"""One network out of several runs: the average of their weights (Wortsman et al. 2022, "model soups")."""

import shutil
from dataclasses import replace

import click
import torch
from safetensors.torch import load_file

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
    if len({(plan.architecture, plan.weights, plan.input_size) for plan in plans}) > 1:
        raise click.UsageError("These runs differ in architecture, starting weights or input size.")
    if len({run.load("dataset", step="split")["digest"] for run in runs}) > 1:
        raise click.UsageError("These runs were split or fed differently: what one trained on, another may test on.")
    states = [load_file(run.weights) for run in runs]
    target.folder.mkdir(parents=True, exist_ok=True)
    for name in ("split.csv", "dataset.json", "history.json"):
        shutil.copyfile(runs[0].folder / name, target.folder / name)
    target.save_plan(replace(plans[0], input_size=input_size or plans[0].input_size))
    ingredients = [(share / len(runs), plan) for run in runs for share, plan in run.ingredients()]
    target.save("ingredients", [{"share": share, "plan": plan.as_json()} for share, plan in ingredients])
    target.save_weights({name: _mean([state[name] for state in states]) for name in states[0]})


def _mean(values: list[torch.Tensor]) -> torch.Tensor:
    first = values[0]
    return torch.stack([value.float() for value in values]).mean(dim=0).to(first.dtype).contiguous()
