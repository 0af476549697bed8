"""The journal of a run: what was sent and what came of it, so that a second run sends nothing twice.

JSON lines, each on the disk before what follows from it happens: first the run, then its batch and the server that has
made it, then for each portion that it is sent and what was answered. A last line without its end is what a crash left,
and counts as not written.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, BinaryIO, Final

from client.errors import DentiqClientError
from client.folder.portions import Fate, Portion

if sys.platform != "win32":
    import fcntl

SUFFIX: Final = ".dentiq-journal"
_VERSION: Final = 2
# The first named the server in its first line, whether that had made a batch or not.
_READABLE: Final = frozenset({1, _VERSION})


class JournalError(DentiqClientError):
    """The journal does not fit to what is asked, or cannot be used."""


@dataclass
class Recorded:
    """What a journal holds.

    Attributes:
        run: Names the run; the keys of its requests begin with it.
        server: The address of the server that made the batch.
        batch_id: The batch, once it was made.
        portions: Those sent without an answer, by number.
        fates: What became of the files that were answered.
        next_number: First number that no portion has.
    """

    run: str
    server: str | None = None
    batch_id: str | None = None
    portions: dict[int, Portion] = field(default_factory=dict)
    fates: list[Fate] = field(default_factory=list)
    next_number: int = 0

    def apply(self, line: dict[str, Any]) -> None:
        """Take in one line after the first."""
        if "batch" in line:
            self.batch_id = str(line["batch"])
            self.server = line.get("server", self.server)
        elif "sent" in line:
            number = int(line["sent"])
            self.portions[number] = Portion(number, tuple(line["files"]), float(line["at"]))
            self.next_number = max(self.next_number, number + 1)
        else:
            del self.portions[int(line["answered"])]
            self.fates += [Fate(*fate) for fate in line["fates"]]


class Journal:
    """An open journal; usable as a context manager, safe to share between threads.

    Args:
        path: The file; made if it is not there.
        server: Address of the server.
        folder: The folder that is sent.
        restart: Whether to forget what it holds.

    Raises:
        JournalError: It is of a batch of another server, of another folder, damaged, or in use.
    """

    def __init__(self, path: Path, *, server: str, folder: Path, restart: bool = False) -> None:
        self.path = path
        self._lock = Lock()
        self._server = server.rstrip("/")
        try:
            self._file: BinaryIO = path.open("a+b", buffering=0)
        except OSError as error:
            raise JournalError(f"The journal {path} cannot be written: {error.strerror}.") from error
        try:
            self._reserve()
            if restart:
                self._file.truncate(0)
            self.recorded = self._read(folder=str(folder.resolve()))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what it holds is for the next run."""
        with self._lock:
            self._file.close()

    def remove(self) -> None:
        """Delete the journal: nothing is left to do."""
        self.path.unlink(missing_ok=True)

    def batch_made(self, batch_id: str) -> None:
        """Record the batch."""
        self._write({"batch": batch_id, "server": self._server})

    def sent(self, portion: Portion) -> None:
        """Record that a portion is about to be sent."""
        self._write({"sent": portion.number, "at": time.time(), "files": portion.files})

    def answered(self, portion: Portion, fates: Sequence[Fate]) -> None:
        """Record what became of a portion."""
        content = [[fate.file, fate.job_id, fate.error_code, fate.error_message] for fate in fates]
        self._write({"answered": portion.number, "fates": content})

    def _reserve(self) -> None:
        if sys.platform == "win32":  # two runs on one journal are not told apart there
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(f"Another dentiq is at work with {self.path}.") from error

    def _read(self, *, folder: str) -> Recorded:
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._file.truncate(len(whole))
        if not whole:
            recorded = Recorded(run=uuid.uuid4().hex)
            self._write({"dentiq_journal": _VERSION, "run": recorded.run, "folder": folder})
            return recorded
        try:
            first, *others = (json.loads(line) for line in whole.splitlines())
            self._check_version(first)
            self._check("folder", first["folder"], folder)
            recorded = Recorded(run=str(first["run"]), server=first.get("server"))
            for line in others:
                recorded.apply(line)
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(f"The journal {self.path} is damaged; --restart begins anew.") from error
        if recorded.batch_id is not None:
            self._check("server", recorded.server, self._server)
        return recorded

    def _check_version(self, first: dict[str, Any]) -> None:
        if first["dentiq_journal"] not in _READABLE:
            raise JournalError(f"The journal {self.path} is of another version of dentiq; --restart begins anew.")

    def _check(self, name: str, recorded: object, value: str) -> None:
        if recorded != value:
            raise JournalError(
                f"The journal {self.path} is of the {name} {recorded}, not of {value}. "
                f"Use that {name}, another --out, or --restart to begin anew."
            )

    def _write(self, line: dict[str, Any]) -> None:
        # Names that are no text become escapes of surrogates, and come back as they were.
        data = json.dumps(line, ensure_ascii=True).encode() + b"\n"
        with self._lock:
            self._file.write(data)
            os.fsync(self._file.fileno())
