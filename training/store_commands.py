"""The commands of `python -m training` that work on the model store and on what it has answered."""

from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource
from rich.console import Console
from rich.table import Table

from common.errors import ModelError, ModelNotFoundError
from common.manifest import Manifest
from common.model_store import ModelStore
from common.remote_models import RemoteModelStore
from common.settings import Settings
from training import steps
from training.compare import compare_versions, known_split, made_otherwise
from training.looks import note_comparison
from training.options import any_store_option, data_argument, run_option, store_option, to_option
from training.progress import console, say, warn
from training.reproduce import TOLERANCE, reproduce_stored
from training.run import Run
from training.shadowing import stored_shadow_comparisons
from training.tables import print_comparison, print_reproduction, print_shadow

# More than any names of a version and of its network, which have 64 and some 50 characters.
_WIDEST: Final = 400


@click.command()
@any_store_option
@click.argument("version")
def promote(store: ModelStore, version: str) -> None:
    """Let VERSION serve, once it has passed its checks."""
    steps.run_promote(store, version)


@click.command()
@store_option
@to_option
@click.argument("version")
def push(store_folder: Path, to: ModelStore, version: str) -> None:
    """Send VERSION to a model store at a distance; it serves there once it is promoted."""
    if not isinstance(to, RemoteModelStore):
        raise click.UsageError("--to names an s3:// URL; a version gets into a folder by `export`, or as a copy.")
    to.publish(ModelStore(store_folder).folder(version))
    console.print(f"sent [bold]{version}[/]")


@click.command()
@any_store_option
def rollback(store: ModelStore) -> None:
    """Let the version serve again that served before the current one."""
    steps.run_promote(store, store.previous())


@click.command()
@data_argument
@store_option
@run_option
@click.argument("first")
@click.argument("second")
@click.option("--split", "chosen", type=click.Choice(["val", "test"]), default="val", show_default=True)
@click.option("--any-data", is_flag=True, help="Compare versions that were made of other photographs or another split.")
def compare(data: Path, store_folder: Path, run_folder: Path, first: str, second: str, **choices: Any) -> None:
    """Compare the versions FIRST and SECOND on one split of DATA, as they are served.

    The split is that of the run they come from (--run), or of index.csv where it names one for every image.
    """
    store, run, split = ModelStore(store_folder), Run(run_folder), choices["chosen"]
    given = click.get_current_context().get_parameter_source("run_folder") is not ParameterSource.DEFAULT
    known = known_split(data, run, run_given=given)
    for version in made_otherwise(known, store, (first, second)):
        doubt = f"{version} was made of other photographs or another split: it may have learned from these."
        if not choices["any_data"]:
            raise click.UsageError(f"{doubt} Give --run the run it comes from, or --any-data to compare all the same.")
        warn("unlike", doubt)
    say(f"on {split} of {known.source}, digest {known.dataset.digest[:16]}")
    if split == "test" and known.run is not None:
        note_comparison(known.run, (first, second))
    print_comparison(compare_versions(known.dataset, store, (first, second), split=split))


@click.command()
@click.argument("job")
def reproduce(job: str) -> None:
    """Answer the image of JOB again with the version that answered it; exit status 1 if the answers differ."""
    found = reproduce_stored(job, Settings.from_env())
    print_reproduction(found)
    if not found.agrees:
        raise click.ClickException(f"the answers differ by {found.difference:.6f}, more than {TOLERANCE}")


@click.command()
@any_store_option
@click.argument("version", required=False)
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=0.1, show_default=True, help="Of the jobs."
)
@click.option("--off", is_flag=True, help="Let no second version answer any more.")
def shadow(store: ModelStore, version: str | None, share: float, off: bool) -> None:
    """Let VERSION answer a share of the jobs unseen; without VERSION, print what came of it."""
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


@click.command("list")
@any_store_option
def list_versions(store: ModelStore) -> None:
    """List the versions of the model store; a damaged one is named and the others are listed."""
    serving = store.named_current()
    table = Table("", "version", "architecture", "labels", "test macro-F1, all", "originals", box=None, pad_edge=False)
    damaged = {}
    for version in store.folders():
        try:
            manifest = store.verify(version)
        except ModelError as error:
            damaged[version] = "it has no manifest.json." if isinstance(error, ModelNotFoundError) else str(error)
            table.add_row("*" if version == serving else "", version, "damaged")
            continue
        shown = (_test_macro_f1(manifest, part) for part in ("all", "original"))
        mark = "*" if version == serving else ""
        table.add_row(mark, version, manifest.architecture, str(len(manifest.labels)), *shown)
    # Whoever promotes a version copies its name from here: a narrow terminal breaks the line, never the name.
    Console(width=_WIDEST).print(table)
    for version, reason in damaged.items():
        warn("damaged", f"{version}: {reason}")
    if serving and serving not in store.folders():
        warn("missing", f"{serving} is to serve and is not in {store.root}: promote another version.")


def _test_macro_f1(manifest: Manifest, part: str) -> str:
    # The metrics of a manifest are free in form; one that was made elsewhere may have others.
    found: object = manifest.metrics
    for name in ("test", part, "macro_f1"):
        found = found.get(name) if isinstance(found, dict) else None
    return "" if found is None else str(found)


STORE_COMMANDS = (promote, push, rollback, compare, reproduce, shadow, list_versions)
