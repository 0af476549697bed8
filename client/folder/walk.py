"""What files a folder holds: nested, in order, without hidden ones and what systems leave behind."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CLUTTER: Final = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX", "$RECYCLE.BIN", "System Volume Information"})

# `~$` is a lock of an office program.
_HIDDEN: Final = (".", "~$")


@dataclass(frozen=True)
class Found:
    """A file of the folder, or a part of it that cannot be read.

    Attributes:
        file: Path below the folder with `/` between its parts; bytes that are no text stay as surrogates.
        size_bytes: Its size.
        changed_ns: When it was changed last, since the epoch.
        problem: Why it cannot be read.
    """

    file: str
    size_bytes: int = 0
    changed_ns: int = 0
    problem: str | None = None


def walk(folder: Path) -> Iterator[Found]:
    """Go through a folder in the order of names.

    A link to a folder is followed once, and not at all if it leads back into the folder: that is walked anyway.
    """
    root = os.path.realpath(folder)
    yield from _walk(root, "", root=root, seen={root})


def _walk(path: str, below: str, *, root: str, seen: set[str]) -> Iterator[Found]:
    try:
        with os.scandir(path) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        yield Found(below.rstrip("/") or ".", problem=f"The folder cannot be read: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith(_HIDDEN) or entry.name in _CLUTTER:
            continue
        file = f"{below}{entry.name}"
        try:
            status = entry.stat()
        except OSError as error:
            yield Found(file, problem=f"It cannot be read: {error.strerror}")
            continue
        if stat.S_ISREG(status.st_mode):
            yield Found(file, status.st_size, status.st_mtime_ns)
        elif stat.S_ISDIR(status.st_mode) and _is_new(entry, root=root, seen=seen):
            yield from _walk(entry.path, f"{file}/", root=root, seen=seen)


def _is_new(entry: "os.DirEntry[str]", *, root: str, seen: set[str]) -> bool:
    if not entry.is_symlink():
        return True
    target = os.path.realpath(entry.path)
    if target in seen or target == root or target.startswith(root + os.sep) or root.startswith(target + os.sep):
        return False
    seen.add(target)
    return True
