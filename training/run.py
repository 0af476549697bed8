"""The folder of one training run: what each step leaves for the next one, and by which it resumes."""

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from safetensors.torch import save_file
from torch import Tensor

from common.model_store import sha256_of
from training.augment import Augmentation
from training.dataset import Dataset, Sample
from training.plan import FitPlan

_COLUMNS = ("file", "label", "group", "split", "kind", "all_labels")

_MEASURED_ON = "weights_sha256"


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

    def save_split(self, dataset: Dataset) -> None:
        """Store which file belongs to which split; what was fitted on another split is forgotten."""
        self.folder.mkdir(parents=True, exist_ok=True)
        rows, digest = _split_rows(dataset), dataset.digest
        if self.split_digest != _digest(digest, rows):
            # First of all: the old weights may have learned from what the new split tests on.
            for path in (self.weights, self.checkpoint):
                path.unlink(missing_ok=True)
        self._write("split.csv", rows)
        self.save("dataset", {"root": str(dataset.root.resolve()), "labels": dataset.labels, "digest": digest})

    @property
    def split_digest(self) -> str:
        """sha256 over the data set and the split of each of its files; empty before the first split."""
        stored = self.folder / "split.csv"
        if not (stored.is_file() and (self.folder / "dataset.json").is_file()):
            return ""
        return _digest(self.load("dataset", step="split")["digest"], stored.read_text(encoding="utf-8"))

    def dataset(self) -> Dataset:
        """Read the data set as it was split.

        Raises:
            click.UsageError: Nothing was split yet.
        """
        values = self.load("dataset", step="split")
        with (self.folder / "split.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        samples = tuple(
            Sample(**{**row, "all_labels": tuple(row["all_labels"].split("|"))})  # type: ignore[arg-type]
            for row in rows
        )
        return Dataset(Path(values["root"]), samples, tuple(values["labels"]))

    def save_weights(self, state: dict[str, Tensor]) -> None:
        """Store the weights of a network, the last thing that a fit leaves: whole or not at all."""
        part = self.weights.with_suffix(".part")
        save_file(state, part)
        part.replace(self.weights)

    def save_plan(self, plan: FitPlan) -> None:
        """Store the choices of the run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.save("plan", plan.as_json())

    def plan(self) -> FitPlan:
        """Read the choices of the run.

        Raises:
            click.UsageError: Nothing was fitted yet.
        """
        return _plan_of(self.load("plan", step="fit"))

    def is_fitted_by(self, plan: FitPlan) -> bool:
        """Tell whether these very choices have led to the weights: a fit writes its plan first and its weights last."""
        chosen = self.folder / "plan.json"
        if not (chosen.is_file() and self.weights.is_file()) or self.plan() != plan:
            return False
        return self.weights.stat().st_mtime_ns >= chosen.stat().st_mtime_ns

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
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return values

    def save_measured(self, name: str, values: dict[str, Any]) -> None:
        """Store values that hold for the present weights alone as `<name>.json`."""
        self.save(name, {**values, _MEASURED_ON: sha256_of(self.weights)})

    def load_measured(self, name: str, *, step: str) -> dict[str, Any]:
        """Read values that were measured on the present weights.

        Raises:
            click.UsageError: The step that makes them has not run, or not since the weights changed.
        """
        values = self.load(name, step=step)
        if values.pop(_MEASURED_ON, None) != sha256_of(self.weights):
            raise click.UsageError(
                f"{name}.json of {self.folder} is of other weights: run "
                f"`python -m training {step} --run {self.folder}` again."
            )
        return values

    def _write(self, name: str, text: str) -> None:
        # A kill leaves the file as it was, or as it is to be.
        part = self.folder / f"{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(self.folder / name)


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
