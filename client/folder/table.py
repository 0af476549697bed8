"""Where the rows go: CSV for spreadsheets, JSON lines for programs."""

import csv
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from client.records import Job
from client.report import Submission

COLUMNS: Final = ("file", "job_id", "status", "outcome", "label", "probability", "model_version", "error_code")

# A cell that begins with one of these is a formula to a spreadsheet (OWASP, CSV injection): the last four are the
# full-width forms of = + - @, which some take for the same. Web and client hold the same list, as a test knows.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Where a spreadsheet begins a cell: it may take tabs and, in French and other languages, semicolons for commas.
_FORMULA: Final = re.compile(rf"""(^|[;\t]"*)(?=[{re.escape("".join(FORMULA_STARTS))}])""")


class Table(Protocol):
    """Takes a row for each file, in any order."""

    def write(self, row: Submission) -> None:
        """Add a row."""

    def flush(self) -> None:
        """Let readers of the file see all rows."""

    def close(self) -> None:
        """Put all rows on the disk and close the file."""


def open_table(path: Path, labels: Sequence[str]) -> Table:
    """Make the file anew; its name's ending says what it holds: JSON lines for `.json` and `.jsonl`, else CSV."""
    return JsonLines(path) if path.suffix.lower() in {".json", ".jsonl", ".ndjson"} else CsvTable(path, labels)


class CsvTable:
    """The columns of the server's own export but its last, `correction`: a row is written before anybody has read it.

    A label that appears later widens the table.
    """

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        self._path = path
        self._labels = list(labels)
        self._file = path.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\r\n")
        self._csv.writerow(self._header())

    def write(self, row: Submission) -> None:
        """Add a row."""
        known = row.job.predictions if row.job else ()
        new = [prediction.label for prediction in known if prediction.label not in self._labels]
        if new:
            self._widen(sorted(new))
        self._csv.writerow([_harmless(row.file), *_cells(row, self._labels)])

    def flush(self) -> None:
        """Let readers of the file see all rows."""
        self._file.flush()

    def close(self) -> None:
        """Put all rows on the disk and close the file."""
        _close(self._file)

    def _header(self) -> list[str]:
        return [*COLUMNS, *map(_harmless, self._labels)]

    def _widen(self, labels: Sequence[str]) -> None:
        self._file.close()
        wider = self._path.with_name(f"{self._path.name}.part")
        with self._path.open(encoding="utf-8", newline="") as old, wider.open("w", encoding="utf-8", newline="") as new:
            rows = csv.reader(old)
            next(rows)
            self._labels += labels
            writer = csv.writer(new, lineterminator="\r\n")
            writer.writerow(self._header())
            writer.writerows([*row, *[""] * len(labels)] for row in rows)
        wider.replace(self._path)
        self._file = self._path.open("a", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\r\n")


class JsonLines:
    """One object a line: the job as the server describes it and the file; or why there is none."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, row: Submission) -> None:
        """Add a row."""
        self._file.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Let readers of the file see all rows."""
        self._file.flush()

    def close(self) -> None:
        """Put all rows on the disk and close the file."""
        _close(self._file)


def _cells(row: Submission, labels: Sequence[str]) -> list[str]:
    if row.job is None:
        return ["", row.status, "", "", "", "", _harmless(row.error_code or ""), *[""] * len(labels)]
    return [
        row.job.id,
        row.status,
        row.job.outcome or "",
        *_best(row.job),
        _harmless(row.job.model_version or ""),
        _harmless(row.error_code or ""),
        *_probabilities(row.job, labels),
    ]


def _best(job: Job) -> tuple[str, str]:
    return (_harmless(job.best.label), f"{job.best.probability:.5f}") if job.best else ("", "")


def _probabilities(job: Job, labels: Sequence[str]) -> list[str]:
    known = {prediction.label: prediction.probability for prediction in job.predictions}
    return [f"{known[label]:.5f}" if label in known else "" for label in labels]


def _harmless(cell: str) -> str:
    return _FORMULA.sub(r"\1'", cell)


def _close(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
