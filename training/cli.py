"""The command line of training: `python -m training STEP`."""

from datetime import datetime, timezone
from pathlib import Path

import click
from rich.table import Table

from common.errors import DentiqError
from common.model_store import ModelStore
from training import steps
from training.export import ExportMismatchError
from training.plan import FitPlan
from training.progress import console
from training.run import Run

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


def _fit_options(command: click.decorators.FC) -> click.decorators.FC:
    default = FitPlan()
    for option in (
        click.option(
            "--architecture", default=default.architecture, show_default=True, help="timm:NAME or torchvision:NAME."
        ),
        click.option("--weights", default=default.weights, show_default=True, help="package, random, or a file."),
        click.option(
            "--input-size", default=default.input_size, show_default=True, help="Edge of the input in pixels."
        ),
        click.option("--epochs", default=default.epochs, show_default=True),
        click.option("--epoch-images", default=default.epoch_images, show_default=True, help="Images drawn an epoch."),
        click.option("--seed", default=default.seed, show_default=True),
    ):
        command = option(command)
    return command


@main.command()
@data_argument
@run_option
@click.option("--seed", default=FitPlan().seed, show_default=True)
def split(data: Path, run_folder: Path, seed: int) -> None:
    """Assign the images below DATA to train, val and test, by group."""
    steps.run_split(data, Run(run_folder), seed=seed)


@main.command()
@run_option
@_fit_options
def fit(run_folder: Path, **choices: object) -> None:
    """Train the network on the training split."""
    steps.run_fit(Run(run_folder), FitPlan(**choices))  # type: ignore[arg-type]


@main.command()
@run_option
def evaluate(run_folder: Path) -> None:
    """Measure the trained network on validation and test."""
    steps.run_evaluate(Run(run_folder))


@main.command()
@run_option
@store_option
@click.option("--version", default=None, help="Name of the version  [default: date and architecture]")
def export(run_folder: Path, store_folder: Path, version: str | None) -> None:
    """Write the trained network into the model store."""
    run = Run(run_folder)
    steps.run_export(run, ModelStore(store_folder), version or _version_name(run))


@main.command()
@store_option
@click.argument("version")
def promote(store_folder: Path, version: str) -> None:
    """Let VERSION serve, once it has passed its checks."""
    steps.run_promote(ModelStore(store_folder), version)


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
@_fit_options
def all_steps(data: Path, run_folder: Path, store_folder: Path, version: str | None, **choices: object) -> None:
    """Do every step for the images below DATA: split, fit, evaluate, export, promote."""
    run, store = Run(run_folder), ModelStore(store_folder)
    plan = FitPlan(**choices)  # type: ignore[arg-type]
    steps.run_split(data, run, seed=plan.seed)
    steps.run_fit(run, plan)
    steps.run_evaluate(run)
    name = version or _version_name(run)
    steps.run_export(run, store, name)
    steps.run_promote(store, name)


def _version_name(run: Run) -> str:
    architecture = run.plan().architecture.partition(":")[2].lower().replace("tf_efficientnet_", "")
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M}-{architecture}"
