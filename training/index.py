"""`index.csv`: what a data set says of its files; whatever is wrong in it is told by line and column."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

INDEX_NAME = "index.csv"

SPLITS = ("train", "val", "test")
_KINDS = ("original", "augmented")

# As the manifest has it: a label names a page, a metric and a folder.
_SLUG = re.compile(r"[a-z][a-z0-9_-]{0,47}")

SLUG_RULE = "use up to 48 small letters, digits, dashes and underscores, and begin with a letter"

# More tell nothing new, and hide the first.
_SHOWN = 5


@dataclass(frozen=True)
class IndexRow:
    """What the index says of one file; an empty text where it says nothing.

    Attributes:
        line: Of the index.
        file: Path below the data set's folder, with forward slashes.
        label: Class slug.
        group: Of the images that show the same scene.
        split: `train`, `val` or `test`.
        kind: `original` or `augmented`.
        all_labels: Every label under which the source files the photograph.
    """

    line: int
    file: str
    label: str
    group: str
    split: str
    kind: str
    all_labels: tuple[str, ...]


class _Problems:
    def __init__(self) -> None:
        self.found: list[str] = []

    def note(self, line: int, column: str, what: str) -> None:
        self.found.append(f"line {line}, column {column}: {what}")


def is_slug(label: str) -> bool:
    """Whether a label may be called so."""
    return _SLUG.fullmatch(label) is not None


def first_few(names: Iterable[str]) -> str:
    """Name the first of many."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def read_index(path: Path) -> dict[str, IndexRow]:
    """Read an index; none is as good as an empty one.

    Returns:
        Its rows by file.

    Raises:
        click.UsageError: It cannot be understood; the message names line and column.
    """
    if not path.is_file():
        return {}
    problems = _Problems()
    rows = list(_rows(path, problems))
    _check_names(rows, problems)
    _check_groups(rows, problems)
    if problems.found:
        more = f"\n(and {len(problems.found) - _SHOWN} more)" if len(problems.found) > _SHOWN else ""
        raise click.UsageError(f"{path} cannot be used:\n" + "\n".join(problems.found[:_SHOWN]) + more)
    return {row.file: row for row in rows}


def _rows(path: Path, problems: _Problems) -> Iterator[IndexRow]:
    # Strict: a quote that is never closed would swallow the rest of the file.
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True, restkey="")
    try:
        # Spreadsheets leave blanks around names.
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        if "file" not in reader.fieldnames:
            raise click.UsageError(
                f"{path}, line 1: no column `file` among {reader.fieldnames}. The first line names the columns, "
                "separated by commas: file, and any of label, group, split, kind, all_labels."
            )
        for values in reader:
            if "" in values:
                problems.note(reader.line_num, str(len(reader.fieldnames) + 1), "more fields than the first line names")
                continue
            yield _row(reader.line_num, {name: (value or "").strip() for name, value in values.items()}, problems)
    except csv.Error as error:
        # Of the row that could not be read: a quote without an end is found out at the end of the file.
        raise click.UsageError(f"{path}, line {reader.line_num + 1}: {error}.") from error


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        # Spreadsheets begin UTF-8 with a byte order mark.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise click.UsageError(
            f"{path}, line {line}: byte {data[error.start]:#04x} is not UTF-8. Save the file as UTF-8."
        ) from error


def _row(line: int, values: dict[str, str], problems: _Problems) -> IndexRow:
    file = values["file"].replace("\\", "/").removeprefix("./")
    label = values.get("label") or file.partition("/")[0]
    split, kind = values.get("split", ""), values.get("kind") or "original"
    if not file:
        problems.note(line, "file", "is empty")
    elif not is_slug(label):
        column = "label" if values.get("label") else "file"
        problems.note(line, column, f"{label!r} cannot be a label: {SLUG_RULE}")
    if split and split not in SPLITS:
        problems.note(line, "split", f"{split!r} is none of {', '.join(SPLITS)}, nor empty")
    if kind not in _KINDS:
        problems.note(line, "kind", f"{kind!r} is none of {', '.join(_KINDS)}, nor empty")
    named = [name for name in values.get("all_labels", "").split("|") if name]
    return IndexRow(line, file, label, values.get("group", ""), split, kind, tuple(sorted({label, *named})))


def _check_names(rows: list[IndexRow], problems: _Problems) -> None:
    line_of: dict[str, int] = {}
    for row in rows:
        if row.file in line_of:
            problems.note(row.line, "file", f"{row.file!r} is named in line {line_of[row.file]} already")
        line_of.setdefault(row.file, row.line)


def _check_groups(rows: list[IndexRow], problems: _Problems) -> None:
    # A group in two splits is the very leak that groups are for.
    first: dict[str, IndexRow] = {}
    for row in rows:
        if not (row.group and row.split):
            continue
        other = first.setdefault(row.group, row)
        if other.split != row.split:
            problems.note(
                row.line, "split", f"group {row.group!r} is in {row.split}, but in {other.split} by line {other.line}"
            )
