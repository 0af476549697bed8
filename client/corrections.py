"""The command `dentiq corrections`: what readers said, as a data set that training takes as it is."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from client import corrected_index
from client.corrected_index import Index, Row
from client.dentiq import Dentiq
from client.errors import RequestRefusedError
from client.records import Job

# What readers say beside the labels; no class of photographs that a model could learn, unless it has one of this name.
_NO_LABEL: Final = frozenset({"other", "not_dental"})

# As the server names labels; it becomes the name of a folder.
_LABEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,47}")

# A job's id is the key to its result, and a data set is passed on: its files are named by a digest of it.
_NAME_DIGITS: Final = 24
_NAME: Final = re.compile(rf"[0-9a-f]{{{_NAME_DIGITS}}}\.jpg")

# The photograph is gone, or is none that can be decoded; any other refusal is one of the whole export.
_OF_ONE: Final = frozenset({404, 422})


@dataclass
class Export:
    """What became of the corrections.

    Attributes:
        written: Photographs fetched.
        kept: Photographs that were there already, under the same label or moved to another.
        withdrawn: Photographs taken out, for readers took back what they had said.
        unreported: Photographs of earlier exports that stay, although the server knows nothing of them any more.
        left_out: Corrections that name no label, by what they say.
        failed: Photographs that cannot be read, by error code.
        labels: Photographs in the folder, by label.
    """

    written: int = 0
    kept: int = 0
    withdrawn: int = 0
    unreported: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """The numbers for programs."""
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}


class CorrectedFolder:
    """A data set folder that grows from export to export: `LABEL/NAME.jpg` and `index.csv`.

    Photographs stay when their jobs have been erased from the server: it keeps jobs for some days, a data set for good.
    What others have put there stays as it is, with its lines and columns of the index: a photograph is ours by its
    name, the digest of its job's id, and no other one is ever moved or taken out.

    Raises:
        IndexUnreadableError: The index cannot be understood.
        OSError: The folder cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = {path.name: path for path in root.glob("*/*.jpg") if _NAME.fullmatch(path.name)}
        self._index = Index.read(root / corrected_index.NAME)
        named = [(_name_in(row), row) for row in self._index.rows]
        self._others = [row for name, row in named if not _NAME.fullmatch(name)]
        self._rows = {name: row for name, row in named if _NAME.fullmatch(name)}
        self._reported: set[str] = set()

    def add(self, job: Job, *, fetch: Callable[[str], bytes], export: Export) -> None:
        """Take one job that is corrected, or was until that was taken back.

        Raises:
            OSError: The folder cannot be written.
            DentiqClientError: The server cannot be asked.
        """
        label = job.corrected_label
        name = f"{hashlib.sha256(job.id.encode()).hexdigest()[:_NAME_DIGITS]}.jpg"
        self._reported.add(name)
        if label is None:
            export.withdrawn += self._drop(name)
            return
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

    def count_unreported(self) -> int:
        """Count our photographs that are of none of the jobs taken; it means something once those were all."""
        return len(self._files.keys() - self._reported)

    def close(self, export: Export) -> None:
        """Write the index, whole, and count what the folder holds."""
        rows = [self._line(name, path) for name, path in sorted(self._files.items())]
        self._index.write(self._root / corrected_index.NAME, [*self._others, *rows])
        export.labels.update(path.parent.name for path in self._files.values())

    def _line(self, name: str, path: Path) -> Row:
        """The line of a photograph where it lies: a kill leaves one that was moved or fetched, but not its line."""
        row, place = self._rows.get(name, {}), f"{path.parent.name}/{name}"
        return row if row.get("file") == place else row | {"file": place, "label": path.parent.name}

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

    def _drop(self, name: str) -> bool:
        """Take a photograph out; whether there was one."""
        there = self._files.pop(name, None)
        if there is None:
            return False
        there.unlink()
        self._tidy(there.parent)
        return True

    def _tidy(self, folder: Path) -> None:
        """Remove a folder that has become empty: to training it would be nothing, to people a riddle."""
        with suppress(OSError):
            folder.rmdir()


def export_corrections(dentiq: Dentiq, out: Path, *, show: Callable[[int], None]) -> Export:
    """Write all corrections of a server into a data set folder; the same again fetches only what is new.

    What was taken back since the export before is taken out again, if the server still has its job.

    Args:
        dentiq: The server.
        out: The folder; made if it is not there.
        show: Told after each job how many there were.

    Raises:
        IndexUnreadableError: The folder's index cannot be understood.
        DentiqClientError: The server cannot be asked.
        OSError: The folder cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    export = Export()
    folder = CorrectedFolder(out)
    try:
        for number, job in enumerate(dentiq.corrected_jobs(withdrawn=True), start=1):
            folder.add(job, fetch=dentiq.image, export=export)
            show(number)
        export.unreported = folder.count_unreported()
    finally:
        # Also after Ctrl-C: what was fetched is a data set.
        folder.close(export)
    return export


def _row(job: Job, file: str, label: str) -> Row:
    answer = job.best.label if job.outcome == "answered" and job.best else job.outcome or ""
    return {"file": file, "label": label, "answer": answer, "model_version": job.model_version or ""}


def _names_a_class(label: str, job: Job) -> bool:
    if label in _NO_LABEL and label not in {prediction.label for prediction in job.predictions}:
        return False
    return _LABEL.fullmatch(label) is not None


def _name_in(row: Row) -> str:
    return PurePosixPath(row.get("file", "").strip().replace("\\", "/")).name
