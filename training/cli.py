"""The command line of training: `python -m training STEP`."""

from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource

from common.errors import DentiqError
from common.model_store import ModelStore
from training import steps
from training.about import read_abouts
from training.errors import TrainingError
from training.export import check_name, is_exported
from training.options import (
    SEED,
    about_option,
    data_argument,
    fit_options,
    foreign_option,
    input_size_option,
    rule_option,
    run_option,
    store_option,
    version_option,
)
from training.outputs import foreign_kinds
from training.plan import FitPlan
from training.progress import say
from training.recipe import Recipe, fit_served, served_plans
from training.run import Run
from training.soup import average_runs
from training.store_commands import STORE_COMMANDS


class _Group(click.Group):
    """Show our own errors as sentences."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (DentiqError, TrainingError) as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            # A disk that is full, a folder that may not be written.
            raise click.ClickException(f"{error.filename or 'a file'}: {error.strerror or error}") from error


@click.group(cls=_Group)
def main() -> None:
    """Train, evaluate, export and promote models. Each step resumes what the one before left in --run."""


@main.command()
@data_argument
@run_option
@click.option("--seed", default=FitPlan().seed, show_default=True, type=SEED, help="Of the split.")
def split(data: Path, run_folder: Path, seed: int) -> None:
    """Assign the images below DATA to train, val and test, by group."""
    steps.run_split(data, Run(run_folder), seed=seed)


@main.command()
@run_option
@fit_options
def fit(run_folder: Path, **choices: object) -> None:
    """Train the network on the training split."""
    steps.run_fit(Run(run_folder), FitPlan(**choices))  # type: ignore[arg-type]


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@run_option
@input_size_option
def average(runs: tuple[Path, ...], run_folder: Path, input_size: int | None) -> None:
    """Average the weights of several fitted RUNS into --run."""
    average_runs([Run(folder) for folder in runs], Run(run_folder), input_size=input_size)


@main.command()
@run_option
@rule_option
def calibrate(run_folder: Path, rule: steps.ForeignKind) -> None:
    """Fit temperature, abstention and the rule for foreign images on validation."""
    steps.run_calibrate(Run(run_folder), rule=rule)


@main.command()
@run_option
@foreign_option
@click.option("--test", is_flag=True, help="Look at the test split as well: once a release.")
def evaluate(run_folder: Path, foreign: Path | None, test: bool) -> None:
    """Measure the trained network on validation."""
    steps.run_evaluate(Run(run_folder), test=test, foreign=foreign)


@main.command()
@run_option
@store_option
@version_option
@click.option("--note", default="", help="Stands below the card's figures.")
@click.option("--note-fr", default="", help="The same in French  [default: the English one, marked]")
@about_option
def export(run_folder: Path, store_folder: Path, version: str | None, **texts: Any) -> None:
    """Write the trained network into the model store."""
    run = Run(run_folder)
    notes = {"en": texts["note"], "fr": texts["note_fr"]}
    steps.run_export(run, ModelStore(store_folder), version or _version_name(run), notes=notes, about=texts["about"])


@main.command("all")
@data_argument
@run_option
@store_option
@version_option
@foreign_option
@rule_option
@about_option
@click.option(
    "--recipe",
    type=click.Choice(get_args(Recipe)),
    default="one",
    show_default=True,
    help="One fit, or the three whose average serves; options given here hold for each of them.",
)
@fit_options
def all_steps(data: Path, run_folder: Path, store_folder: Path, **choices: Any) -> None:
    """Do every step for the images below DATA: split, fit, calibrate, evaluate, export, promote."""
    run, store = Run(run_folder), ModelStore(store_folder)
    version, foreign, rule = (choices.pop(name) for name in ("version", "foreign", "rule"))
    about, recipe = (choices.pop(name) for name in ("about", "recipe"))
    # What is wrong with these is told now, not after hours of training.
    if version is not None and not is_exported(run, store, version):
        check_name(store, version)
    if foreign is not None:
        foreign_kinds(foreign)
    if about is not None:
        read_abouts(about)
    plan = FitPlan(**choices)
    plans = served_plans(plan, _given(choices)) if recipe == "served" else None
    steps.run_split(data, run, seed=plan.seed)
    if plans is not None:
        fit_served(run, plans)
    elif run.is_fitted_by(plan):
        say(f"{run.folder} is fitted already by these very choices")
    else:
        steps.run_fit(run, plan)
    steps.run_calibrate(run, rule=rule)
    steps.run_evaluate(run, test=True, foreign=foreign)
    name = version or _version_name(run)
    if is_exported(run, store, name):
        say(f"{name} is exported already")
    else:
        steps.run_export(run, store, name, notes={}, about=about)
    steps.run_promote(store, name)


def _given(names: Iterable[str]) -> set[str]:
    context = click.get_current_context()
    return {name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT}


def _version_name(run: Run) -> str:
    architecture = run.plan().architecture.partition(":")[2].lower().replace("tf_efficientnet_", "")
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M}-{architecture}"


for each in STORE_COMMANDS:
    main.add_command(each)
