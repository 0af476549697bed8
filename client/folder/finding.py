"""Which files of the folder are to be sent: images, that were not found before."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from client.folder.portions import Fate
from client.folder.signatures import is_image
from client.folder.tally import Tally
from client.folder.walk import Found, walk

# A file that was changed a moment ago may still be written.
_SETTLED_NS: Final = 2_000_000_000

# Above what any server takes unless it is told otherwise, and what a client can hold a few times.
_LARGEST_BYTES: Final = 64 * 1024 * 1024


class Finding:
    """Look through the folder, each time for what is new.

    Args:
        folder: The folder.
        known: Files that an earlier run has sent.
        tally: Counts what is found.
    """

    def __init__(self, folder: Path, known: Iterable[str], tally: Tally) -> None:
        self._folder = folder
        self._known = set(known)
        self._tally = tally
        self._tally.files += len(self._known)
        self.unusable: list[Fate] = []

    def new(self, *, settled_only: bool = False) -> Iterator[Found]:
        """Find images that were not found before; those that cannot be sent are put into `unusable`.

        Args:
            settled_only: Whether to leave for later what may still be written.
        """
        for found in walk(self._folder):
            if found.file in self._known or self._tally.skipped.get(found.file) == found.changed_ns:
                continue
            if settled_only and abs(time.time_ns() - found.changed_ns) < _SETTLED_NS:
                continue
            if self._is_usable(found):
                yield found

    def _is_usable(self, found: Found) -> bool:
        problem, code = found.problem, "file_unreadable"
        if problem is None:
            try:
                if not is_image(self._folder / found.file):
                    self._tally.skipped[found.file] = found.changed_ns
                    return False
            except OSError as error:
                problem = f"It cannot be read: {error.strerror}"
        if problem is None and found.size_bytes > _LARGEST_BYTES:
            problem, code = f"It has {found.size_bytes / 1e6:.0f} MB.", "image_too_large"
        self._tally.skipped.pop(found.file, None)
        self._known.add(found.file)
        self._tally.files += 1
        if problem is not None:
            self.unusable.append(Fate(found.file, None, code, problem))
        return problem is None
