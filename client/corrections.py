"""The command `dentiq corrections`: what readers said, as a data set that training takes as it is."""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from client.dentiq import Dentiq
from client.errors import RequestRefusedError
from client.records import Job

INDEX: Final = "index.csv"

# What readers say beside the labels; no class of photographs that a model could learn, unless it has one of this name.
_NO_LABEL: Final = frozenset({"other", "not_dental"})

# As the server names labels; it becomes the name of a folder.
_LABEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,47}")

# A job's id is the key to its result, and a data set is passed on: its files are named by a digest of it.
_NAME_DIGITS: Final = 24
_NAME: Final = re.compile(rf"[0-9a-f]{{{_NAME_DIGITS}}}\.jpg")

# The photograph is gone, or is none that can be decoded; any other refusal is one of the whole export.
_OF_ONE: Final = frozenset({404, 422})

# `group` stays empty unless somebody fills it: what the same scene is, training finds out by looking at the pictures.
_Row = dict[str, str]
_COLUMNS: Final = ("file", "label", "group", "answer", "model_version")


@dataclass
class Export:
    """What became of the corrections.

    Attributes:
        written: Photographs fetched.
        kept: Photographs that were there already, under the same label or moved to another.
        left_out: Corrections that name no label, by what they say.
        failed: Photographs that cannot be read, by error code.
        labels: Photographs in the folder, by label.
    """

    written: int = 0
    kept: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """The numbers for programs."""
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}


class CorrectedFolder:
    """A data set folder that grows from export to export: `LABEL/NAME.jpg` and `index.csv`.

    Photographs stay when their jobs have been erased from the server: it keeps jobs for some days, a data set for good.
    What others have put there stays as it is, with its lines and columns of the index.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = {path.name: path for path in root.glob("*/*.jpg") if _NAME.fullmatch(path.name)}
        self._columns, self._others, self._rows = _read_index(root / INDEX)

    def add(self, job: Job, *, fetch: Callable[[str], bytes], export: Export) -> None:
        """Take one corrected job.

        Raises:
            OSError: The folder cannot be written.
            DentiqClientError: The server cannot be asked.
        """
        label = job.corrected_label or ""
        name = f"{hashlib.sha256(job.id.encode()).hexdigest()[:_NAME_DIGITS]}.jpg"
        if not _names_a_class(label, job):
            export.left_out[label] += 1
            self._drop(name)
            return
        wanted = self._root / label / name
        if self._place(name, wanted):
            export.kept += 1
        else:
            try:
                self._write(wanted, fetch(job.id))
            except RequestRefusedError as error:
                if error.status not in _OF_ONE:
                    raise
                export.failed[error.code] += 1
                return
            export.written += 1
        self._rows[name] = self._rows.get(name, {}) | _row(job, f"{label}/{name}", label)

    def close(self, export: Export) -> None:
        """Write the index, whole, and count what the folder holds."""
        rows = [row for name, row in sorted(self._rows.items()) if name in self._files]
        part = self._root / f"{INDEX}.part"
        with part.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, self._columns, restval="", extrasaction="ignore")
            table.writeheader()
            table.writerows([*self._others, *rows])
        part.replace(self._root / INDEX)
        export.labels.update(path.parent.name for path in self._files.values())

    def _place(self, name: str, wanted: Path) -> bool:
        """Whether the photograph is there; one that lies under another label is moved."""
        there = self._files.get(name)
        if there is None:
            return False
        if there != wanted:
            wanted.parent.mkdir(exist_ok=True)
            there.replace(wanted)
            self._tidy(there.parent)
            self._files[name] = wanted
        return True

    def _write(self, wanted: Path, data: bytes) -> None:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        part = wanted.with_suffix(".part")
        part.write_bytes(data)
        part.replace(wanted)
        self._files[wanted.name] = wanted

    def _drop(self, name: str) -> None:
        there = self._files.pop(name, None)
        if there is not None:
            there.unlink()
            self._tidy(there.parent)

    def _tidy(self, folder: Path) -> None:
        """Remove a folder that has become empty: to training it would be nothing, to people a riddle."""
        with suppress(OSError):
            folder.rmdir()


def export_corrections(dentiq: Dentiq, out: Path, *, show: Callable[[int], None]) -> Export:
    """Write all corrections of a server into a data set folder; the same again fetches only what is new.

    Args:
        dentiq: The server.
        out: The folder; made if it is not there.
        show: Told after each correction how many there were.

    Raises:
        DentiqClientError: The server cannot be asked.
        OSError: The folder cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    export = Export()
    folder = CorrectedFolder(out)
    try:
        for number, job in enumerate(dentiq.corrected_jobs(), start=1):
            folder.add(job, fetch=dentiq.image, export=export)
            show(number)
    finally:
        # Also after Ctrl-C: what was fetched is a data set.
        folder.close(export)
    return export


def _row(job: Job, file: str, label: str) -> dict[str, str]:
    answer = job.best.label if job.outcome == "answered" and job.best else job.outcome or ""
    return {"file": file, "label": label, "answer": answer, "model_version": job.model_version or ""}


def _names_a_class(label: str, job: Job) -> bool:
    if label in _NO_LABEL and label not in {prediction.label for prediction in job.predictions}:
        return False
    return _LABEL.fullmatch(label) is not None


def _read_index(index: Path) -> tuple[list[str], list[_Row], dict[str, _Row]]:
    """Give the columns, the lines of others and our own by the names of their files."""
    if not index.is_file():
        return list(_COLUMNS), [], {}
    with index.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        rows = list(table)
    named = [(Path(row.get("file") or "").name, row) for row in rows]
    return (
        list(dict.fromkeys([*(table.fieldnames or ()), *_COLUMNS])),
        [row for name, row in named if not _NAME.fullmatch(name)],
        {name: row for name, row in named if _NAME.fullmatch(name)},
    )
