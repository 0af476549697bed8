"""One network out of several runs: the average of their weights (Wortsman et al. 2022, "model soups")."""

import shutil

import click
import torch
from safetensors.torch import load_file, save_file

from training.run import Run


def average_runs(runs: list[Run], target: Run) -> None:
    """Average the weights of runs that began at the same starting weights.

    It costs nothing when serving, and usually beats the best of its ingredients, most of all on photographs unlike the
    training ones.

    Args:
        runs: Fitted runs of one data set and one architecture.
        target: Gets the average, and the split and plan of the first run.

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
    for name in ("split.csv", "dataset.json", "plan.json", "history.json"):
        shutil.copyfile(runs[0].folder / name, target.folder / name)
    target.save("ingredients", [plan.as_json() for plan in plans])
    save_file({name: _mean([state[name] for state in states]) for name in states[0]}, target.weights)


def _mean(values: list[torch.Tensor]) -> torch.Tensor:
    first = values[0]
    return torch.stack([value.float() for value in values]).mean(dim=0).to(first.dtype).contiguous()
