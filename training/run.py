"""The folder of one training run: what each step leaves for the next one, and by which it resumes."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from safetensors.torch import save_file
from torch import Tensor

from common.model_store import sha256_of
from training.atomic import content_digest, whole
from training.augment import Augmentation
from training.dataset import Dataset, Sample
from training.index import first_few
from training.plan import FitPlan
from worker.inference.onnx_runtime import OnnxRuntime

_COLUMNS = ("file", "label", "group", "split", "kind", "all_labels")

_MEASURED_ON = "measured_on"

# By which everything is measured, for it serves; earlier versions of dentiq measured with torch.
_RUNTIME = OnnxRuntime.name

CALIBRATION_FILE = "calibration.json"


@dataclass(frozen=True)
class Run:
    """Name the files of a run.

    Attributes:
        folder: Where they lie.
    """

    folder: Path

    @property
    def checkpoint(self) -> Path:
        """State after the last whole epoch."""
        return self.folder / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """The trained network, float16."""
        return self.folder / "model.safetensors"

    @property
    def ingredients_file(self) -> Path:
        """Share and choices of the runs that the weights are an average of."""
        return self.folder / "ingredients.json"

    @property
    def fitted_weights(self) -> Path:
        """The file of the weights.

        Raises:
            click.UsageError: Nothing was fitted, or not on the present split.
        """
        if not self.weights.is_file():
            raise click.UsageError(
                f"{self.folder} has no weights: run `python -m training fit --run {self.folder}` first."
            )
        return self.weights

    def save_split(self, dataset: Dataset) -> None:
        """Store which file belongs to which split; what was fitted on another split is forgotten."""
        self.folder.mkdir(parents=True, exist_ok=True)
        rows, content = _split_rows(dataset), content_digest(dataset.root / sample.file for sample in dataset.samples)
        if self.split_digest != _digest(dataset.digest, content, *dataset.labels, rows):
            # First of all: the old weights may have learned from what the new split tests on. A split without a
            # data set counts as none, so a kill between the two files leaves nothing to go on with.
            for path in (self.weights, self.checkpoint, self.folder / "dataset.json"):
                path.unlink(missing_ok=True)
        self._write("split.csv", rows)
        root = str(dataset.root.resolve())
        self.save("dataset", {"root": root, "labels": dataset.labels, "digest": dataset.digest, "content": content})

    @property
    def split_digest(self) -> str:
        """sha256 over the data set, its bytes, and the split of each of its files; empty before the first split."""
        stored = self.folder / "split.csv"
        if not (stored.is_file() and (self.folder / "dataset.json").is_file()):
            return ""
        values = self.load("dataset", step="split")
        rows = stored.read_text(encoding="utf-8")
        return _digest(values["digest"], values.get("content", ""), *values["labels"], rows)

    def dataset(self) -> Dataset:
        """Read the data set as it was split.

        Raises:
            click.UsageError: Nothing was split yet, or files of it are gone.
        """
        values = self.load("dataset", step="split")
        with (self.folder / "split.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        samples = tuple(
            Sample(**{**row, "all_labels": tuple(row["all_labels"].split("|"))})  # type: ignore[arg-type]
            for row in rows
        )
        root = Path(values["root"])
        if gone := [sample.file for sample in samples if not (root / sample.file).is_file()]:
            raise click.UsageError(
                f"{len(gone)} of {len(samples)} images that were split are gone from {root}: {first_few(gone)}. Bring "
                f"them back, or split anew: `python -m training split DATA --run {self.folder}`."
            )
        return Dataset(root, samples, tuple(values["labels"]))

    def begin_fit(self, plan: FitPlan) -> None:
        """Store the choices of a fit, once what was fitted before is gone: weights never stand beside another plan."""
        for path in (self.weights, self.ingredients_file):
            path.unlink(missing_ok=True)
        self.save_plan(plan)

    def save_weights(self, state: dict[str, Tensor]) -> None:
        """Store the weights of a network, the last thing that a fit leaves: whole or not at all."""
        with whole(self.weights) as part:
            save_file(state, part)

    def save_plan(self, plan: FitPlan) -> None:
        """Store the choices of the run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.save("plan", plan.as_json())

    def plan(self) -> FitPlan:
        """Read the choices of the run.

        Raises:
            click.UsageError: Nothing was fitted yet.
        """
        values = self.load("plan", step="fit")
        try:
            return _plan_of(values)
        except (KeyError, TypeError) as error:
            raise click.UsageError(
                f"plan.json of {self.folder} is of another version of dentiq: run "
                f"`python -m training fit --run {self.folder}` again."
            ) from error

    def is_fitted_by(self, plan: FitPlan) -> bool:
        """Tell whether these very choices, and no average, have led to the weights: they are what a fit leaves last."""
        fitted = self.weights.is_file() and (self.folder / "plan.json").is_file()
        return fitted and not self.ingredients_file.is_file() and self.plan() == plan

    def ingredients(self) -> list[tuple[float, FitPlan]]:
        """Read share and choices of every run that the weights are an average of: of this one alone, mostly."""
        if not self.ingredients_file.is_file():
            return [(1.0, self.plan())]
        stored = json.loads(self.ingredients_file.read_text(encoding="utf-8"))
        return [(values["share"], _plan_of(values["plan"])) for values in stored]

    def save(self, name: str, values: object) -> None:
        """Store plain values as `<name>.json`."""
        text = json.dumps(values, indent=2, sort_keys=True)
        self._write(f"{name}.json", text + "\n")

    def load(self, name: str, *, step: str) -> dict[str, Any]:
        """Read plain values.

        Args:
            name: Of the file, without suffix.
            step: Which step makes it.

        Raises:
            click.UsageError: That step has not run.
        """
        path = self.folder / f"{name}.json"
        if not path.is_file():
            raise click.UsageError(
                f"{self.folder} has no {path.name}: run `python -m training {step} --run {self.folder}` first."
            )
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise click.UsageError(
                f"{path} is damaged: run `python -m training {step} --run {self.folder}` again."
            ) from error
        return values

    def measured_on(self, *files: str) -> dict[str, str]:
        """Name what figures depend on: weights, input size, split, runtime, and files of the run.

        Raises:
            click.UsageError: Nothing was fitted yet.
        """
        return {
            "weights": sha256_of(self.fitted_weights),
            "input size": self.plan().preprocessing.digest,
            "split": self.split_digest,
            "runtime": _RUNTIME,
            **{name: sha256_of(path) if (path := self.folder / name).is_file() else "" for name in files},
        }

    def save_measured(self, name: str, values: dict[str, Any], *, after: Sequence[str] = ()) -> None:
        """Store values that hold for the present weights, input size, split and files alone as `<name>.json`."""
        self.save(name, {**values, _MEASURED_ON: self.measured_on(*after)})

    def load_measured(self, name: str, *, step: str, after: Sequence[str] = ()) -> dict[str, Any]:
        """Read values that were measured on what the run holds now.

        Args:
            name: Of the file, without suffix.
            step: Which step makes it.
            after: Files of the run that the values depend on.

        Raises:
            click.UsageError: The step that makes them has not run, or not since one of these changed.
        """
        values = self.load(name, step=step)
        then, now = values.pop(_MEASURED_ON, {}), self.measured_on(*after)
        if changed := [what for what, digest in now.items() if then.get(what) != digest]:
            raise click.UsageError(
                f"{name}.json of {self.folder} is of other {', '.join(changed)}: run "
                f"`python -m training {step} --run {self.folder}` again."
            )
        return values

    def _write(self, name: str, text: str) -> None:
        with whole(self.folder / name) as part:
            part.write_text(text, encoding="utf-8")


def _split_rows(dataset: Dataset) -> str:
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for sample in dataset.samples:
        fields = (sample.file, sample.label, sample.group, sample.split, sample.kind)
        writer.writerow((*fields, "|".join(sample.all_labels)))
    return rows.getvalue()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _plan_of(values: dict[str, Any]) -> FitPlan:
    return FitPlan(**{**values, "augmentation": Augmentation(**values["augmentation"])})
