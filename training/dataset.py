"""The data set on disk: a folder a label, described by `index.csv` where there is one."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click

from training.index import INDEX_NAME, SLUG_RULE, IndexRow, first_few, is_slug, read_index

# What `common.images` reads.
_IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".bmp", ".tif", ".tiff", ".gif"}
)


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
        root: Holds a folder a label and, if wanted, `index.csv` with the column `file` and any of `label`, `group`,
            `split`, `kind`, `all_labels`. Files that the index does not list are taken from their folder.

    Raises:
        click.UsageError: There is nothing to train on, or the index cannot be understood.
    """
    return survey(root)[0]


def survey(root: Path) -> tuple[Dataset, list[str]]:
    """Read the data set below a folder, and say what in it is left alone.

    Returns:
        The data set, and a sentence for each kind of thing that is no part of it.

    Raises:
        click.UsageError: As `read_dataset` does.
    """
    listed = read_index(root / INDEX_NAME)
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    inside = {folder: sorted(path for path in folder.iterdir() if not path.name.startswith(".")) for folder in folders}
    images = {folder: [path for path in paths if _is_image(path)] for folder, paths in inside.items()}
    found = {f"{folder.name}/{path.name}": folder.name for folder, paths in images.items() for path in paths}
    samples = [_sample(file, label, listed.get(file)) for file, label in sorted(found.items())]
    dataset = with_labels(Dataset(root, tuple(samples), ()))
    return dataset, [*_left_alone(inside, images), *_left_unfound(root / INDEX_NAME, listed, found.keys())]


def with_labels(dataset: Dataset) -> Dataset:
    """Copy a data set with the labels that its samples have.

    Raises:
        click.UsageError: There are fewer than two, or one that cannot be a label.
    """
    labels = tuple(sorted({sample.label for sample in dataset.samples}))
    if len(labels) < 2:
        raise click.UsageError(
            f"{dataset.root} holds images of {len(labels)} classes; training needs at least two folders with images, "
            "for example DATA/caries/*.jpg and DATA/healthy/*.jpg."
        )
    if unfit := [label for label in labels if not is_slug(label)]:
        raise click.UsageError(
            f"{dataset.root} holds folders whose names cannot be labels: {', '.join(map(repr, unfit))}. "
            f"Rename them: {SLUG_RULE}, for example mouth-ulcer."
        )
    return replace(dataset, labels=labels)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _IMAGE_SUFFIXES and path.is_file()


def _sample(file: str, folder: str, row: IndexRow | None) -> Sample:
    if row is None:
        return Sample(file, label=folder, all_labels=(folder,))
    return Sample(file, row.label, row.group, row.split, row.kind, row.all_labels)


def _left_alone(inside: dict[Path, list[Path]], images: dict[Path, list[Path]]) -> Iterator[str]:
    kept = {path for paths in images.values() for path in paths}
    others = [path for paths in inside.values() for path in paths if path not in kept and not _is_page(path)]
    for what, chosen in (
        ("no images by their names", [path for path in others if not path.is_dir()]),
        ("folders inside a label's folder, which are not looked into", [path for path in others if path.is_dir()]),
    ):
        if chosen:
            names = first_few(f"{path.parent.name}/{path.name}" for path in chosen)
            yield f"{len(chosen)} that are {what}: {names}"
    if empty := [folder.name for folder, paths in images.items() if not paths]:
        yield f"{len(empty)} folders that hold no image: {first_few(empty)}"


def _is_page(path: Path) -> bool:
    return path.name.startswith("info.") and path.suffix == ".md"


def _left_unfound(index: Path, listed: dict[str, IndexRow], found: Iterable[str]) -> Iterator[str]:
    known = set(found)
    absent = [row for row in listed.values() if row.file not in known]
    if listed and len(absent) == len(listed):
        raise click.UsageError(
            f"{index}, line {absent[0].line}, column file: {absent[0].file!r} is no image here, nor is any other file "
            "that it names. Name them as they lie below its folder, for example caries/001.jpg."
        )
    if absent:
        names = first_few(f"line {row.line}, column file: {row.file!r}" for row in absent)
        yield f"{len(absent)} that {INDEX_NAME} names and that are no images here: {names}"
