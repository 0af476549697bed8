"""The data set on disk: a folder a label, described by `index.csv` where there is one."""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import click

INDEX_NAME = "index.csv"

_IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})


@dataclass(frozen=True)
class Sample:
    """One image file of the data set.

    Attributes:
        file: Path below the data set's folder, with forward slashes.
        label: Class slug: the folder it lies in.
        group: Images of one group show the same scene and stay in one split; empty where nobody said.
        split: `train`, `val` or `test`; empty where nobody said.
        kind: `original`, or `augmented` for a copy that the source had changed.
        all_labels: Every label under which the source files the same photograph; holds `label`.
    """

    file: str
    label: str
    group: str = ""
    split: str = ""
    kind: str = "original"
    all_labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """All samples below one folder.

    Attributes:
        root: The folder.
        samples: In order of their file names.
        labels: Class slugs, sorted; the position is the label index.
    """

    root: Path
    samples: tuple[Sample, ...]
    labels: tuple[str, ...]

    @property
    def digest(self) -> str:
        """sha256 over every file's name, label, group, split and content length."""
        digest = hashlib.sha256()
        for sample in self.samples:
            size = (self.root / sample.file).stat().st_size
            digest.update(f"{sample.file}|{sample.label}|{sample.group}|{sample.split}|{size}\n".encode())
        return digest.hexdigest()

    def of(self, split: str) -> list[Sample]:
        """List the samples of one split."""
        return [sample for sample in self.samples if sample.split == split]

    def with_samples(self, samples: Iterable[Sample]) -> "Dataset":
        """Copy the data set with other samples."""
        return replace(self, samples=tuple(samples))


def read_dataset(root: Path) -> Dataset:
    """Read the data set below a folder.

    Args:
        root: Holds a folder a label and, if wanted, `index.csv` with the columns `file` and `label` and any of `group`,
            `split`, `kind`, `all_labels`. Files that the index does not list are taken from their folder.

    Raises:
        click.UsageError: There is nothing to train on.
    """
    listed = _read_index(root / INDEX_NAME)
    found = {
        f"{path.parent.name}/{path.name}"
        for path in root.glob("*/*")
        if path.suffix.lower() in _IMAGE_SUFFIXES and not path.parent.name.startswith(".")
    }
    samples = [
        listed.get(file) or Sample(file, label=file.partition("/")[0], all_labels=(file.partition("/")[0],))
        for file in sorted(found)
    ]
    labels = tuple(sorted({sample.label for sample in samples}))
    if len(labels) < 2:
        raise click.UsageError(
            f"{root} holds images of {len(labels)} classes; training needs at least two folders with images, "
            "for example DATA/caries/*.jpg and DATA/healthy/*.jpg."
        )
    return Dataset(root, tuple(samples), labels)


def _read_index(path: Path) -> dict[str, Sample]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["file"]: _sample(row) for row in csv.DictReader(file)}


def _sample(row: dict[str, str]) -> Sample:
    label = row["label"]
    named = [name for name in (row.get("all_labels") or label).split("|") if name]
    return Sample(
        file=row["file"],
        label=label,
        group=row.get("group") or "",
        split=row.get("split") or "",
        kind=row.get("kind") or "original",
        all_labels=tuple(sorted({label, *named})),
    )
