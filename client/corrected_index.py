"""The `index.csv` of a data set of corrections, whatever a spreadsheet made of it; lines of others are kept."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from client.errors import DentiqClientError
from client.filenames import readable

NAME: Final = "index.csv"

# `group` stays empty unless somebody fills it: what the same scene is, training finds out by looking at the pictures.
COLUMNS: Final = ("file", "label", "group", "answer", "model_version")

_MARKED: Final = "utf-8-sig"

Row = dict[str, str]


class IndexUnreadableError(DentiqClientError):
    """The index cannot be understood; the text names the line."""


@dataclass(frozen=True)
class Index:
    """What an index holds.

    Attributes:
        columns: Its own in their order, then those of ours that it lacks.
        rows: Its lines by column.
        encoding: UTF-8, with the byte order mark if it had one: a spreadsheet knows its own file by it.
    """

    columns: tuple[str, ...] = COLUMNS
    rows: tuple[Row, ...] = ()
    encoding: str = "utf-8"

    @classmethod
    def read(cls, path: Path) -> "Index":
        """Read an index; none, or one without a line, is an empty one.

        Raises:
            IndexUnreadableError: It is no comma-separated UTF-8 text, or a line does not fit to the first.
            OSError: It cannot be read.
        """
        if not path.is_file():
            return cls()
        data = path.read_bytes()
        lines = csv.reader(io.StringIO(_text(path, data), newline=""), strict=True)
        try:
            columns = _columns(path, next(lines, []))
            rows = tuple(_rows(path, columns, lines))
        except csv.Error as error:
            raise _unreadable(path, lines.line_num, f"{error}. Mend the line") from error
        named = (name for name in columns if name)
        encoding = _MARKED if data.startswith(b"\xef\xbb\xbf") else "utf-8"
        return cls(tuple(dict.fromkeys([*named, *COLUMNS])), rows, encoding)

    def write(self, path: Path, rows: Iterable[Row]) -> None:
        """Put an index of these lines in the place of this one, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        part = path.with_name(f"{path.name}.part")
        with part.open("w", newline="", encoding=self.encoding) as file:
            table = csv.DictWriter(file, self.columns, restval="", extrasaction="ignore")
            table.writeheader()
            table.writerows(rows)
        part.replace(path)


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode(_MARKED)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        wrong = f"byte {data[error.start]:#04x} is not UTF-8. Save the table as CSV in UTF-8"
        raise _unreadable(path, line, wrong) from error


def _columns(path: Path, first: list[str]) -> list[str]:
    names = [name.strip() for name in first]
    if names and "file" not in names:
        found = ",".join(names)[:80]
        raise _unreadable(path, 1, f"there is no column `file` in {found!r}. Save the table with commas between cells")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise _unreadable(path, 1, f"two columns are called `{twice}`. Rename one")
    return names


def _rows(path: Path, columns: list[str], lines: Any) -> Iterator[Row]:
    for cells in lines:
        # Spreadsheets fill lines and tables up with empty cells.
        surplus = [cell for cell in cells[len(columns) :] if cell.strip()]
        surplus += [cell for name, cell in zip(columns, cells, strict=False) if not name and cell.strip()]
        if surplus:
            wrong = f"{surplus[0][:80]!r} stands in no column that line 1 names. Name it there"
            raise _unreadable(path, lines.line_num, wrong)
        if any(cell.strip() for cell in cells):
            yield {name: cell for name, cell in zip(columns, cells, strict=False) if name}


def _unreadable(path: Path, line: int, wrong: str) -> IndexUnreadableError:
    return IndexUnreadableError(
        f"{readable(path)}, line {line}: {wrong}, then call this again; nothing was fetched and nothing changed."
    )
