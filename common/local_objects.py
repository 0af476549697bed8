"""Objects of the storage as files of this machine: whole or not there unless they are new, flushed on request."""

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from common.errors import StorageFullError, StorageUnavailableError
from common.flushing import flush_folder

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SCHEME: Final = "file://"

# A file system that knows no locks, as some do that lie on other machines: there two writers of one object may meet.
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP})


class LocalObjects:
    """Put, get and delete files below one folder; see `common.storage.Objects`.

    Args:
        url: `file:///folder`, or the folder itself.
        fsync: Flush each object to the disk before `put` returns.
    """

    # A disk that is near answers one read at a time as fast as several.
    reads_ahead = 1

    def __init__(self, url: str, *, fsync: bool) -> None:
        self._root = Path(unquote(url.removeprefix(_SCHEME)) if url.startswith(_SCHEME) else url).absolute()
        self._fsync = fsync

    def put_many(self, objects: Mapping[str, bytes], *, new: bool = False) -> None:
        """Store objects, each whole or not at all; what they share of the disk's work is done once.

        Args:
            new: Nobody looks for them before this returns. They are then written under their names at once, where a
                kill may leave a part: naming a flushed file makes the disk write its journal a second time.
        """
        with _errors_translated():
            _write_all({self._root / key: data for key, data in objects.items()}, fsync=self._fsync, in_place=new)

    def get(self, key: str) -> bytes:
        """Read an object; `FileNotFoundError` where there is none."""
        with _errors_translated():
            return (self._root / key).read_bytes()

    def delete_many(self, keys: Iterable[str]) -> None:
        """Remove objects and what a killed writer left of them."""
        with _errors_translated():
            for key in keys:
                path = self._root / key
                _part_of(path).unlink(missing_ok=True)
                path.unlink(missing_ok=True)

    def answers(self) -> bool:
        """Whether it can be reached: a disk of this machine always can."""
        return True


@contextmanager
def _errors_translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except BlockingIOError as error:
        raise StorageUnavailableError("Another process stores this very object; try again later.") from error
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFullError("The storage has no room for this image; free some, then send it again.") from error
        raise StorageUnavailableError("The storage does not answer; try again later.") from error


def _write_all(objects: Mapping[Path, bytes], *, fsync: bool, in_place: bool) -> None:
    """Write under other names first, unless in place: a reader or a crash never meets half an object.

    Each step is taken for all objects before the next: the flushes of one step share the disk's work.
    """
    with ExitStack() as opened:
        begun: list[Path] = []
        try:
            descriptors = []
            for path, data in objects.items():
                place = path if in_place else _part_of(path)
                if in_place:
                    descriptors.append(_opened(place, opened, fsync=fsync))
                else:
                    descriptors.append(_opened_alone(place, opened, fsync=fsync))
                begun.append(place)
                _write(descriptors[-1], data)
            _flush_files(descriptors, fsync=fsync)
            if not in_place:
                for path in objects:
                    _part_of(path).replace(path)
                begun.clear()
            if fsync:
                for folder in {path.parent for path in objects}:
                    flush_folder(folder)
        except OSError:
            # Before the files are closed: from then on another writer may have them.
            for place in begun:
                place.unlink(missing_ok=True)
            raise


def _opened(path: Path, opened: ExitStack, *, fsync: bool, flags: int = os.O_TRUNC) -> int:
    """Open a file to be written, in a folder that may have to be made; return its descriptor."""
    try:
        descriptor = _open_new(path, flags)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        if fsync:
            flush_folder(path.parent.parent)
        descriptor = _open_new(path, flags)
    opened.callback(os.close, descriptor)
    return descriptor


def _opened_alone(path: Path, opened: ExitStack, *, fsync: bool) -> int:
    """Open a file that others may open too, or that a killed writer left, and lock them out until it is closed.

    Raises:
        BlockingIOError: Another one writes it, or has just done so, or it was erased. Nobody waits: that one may stand
            still for long.
    """
    descriptor = _opened(path, opened, fsync=fsync, flags=0)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    if not _is_at(path, descriptor):
        raise BlockingIOError(errno.EAGAIN, "its writer gave it its name in this moment")
    os.ftruncate(descriptor, 0)
    return descriptor


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _flush_files(descriptors: Sequence[int], *, fsync: bool) -> None:
    if fsync:
        for descriptor in descriptors:
            os.fsync(descriptor)
    if not all(os.fstat(descriptor).st_nlink for descriptor in descriptors):
        # This process stood still for so long that the sweeper took the image for abandoned.
        raise FileNotFoundError(errno.ENOENT, "the file was erased while it was written")


def _part_of(path: Path) -> Path:
    """Name the file under which an object is written; a killed writer leaves it, `delete` removes it."""
    return path.with_name(f"{path.name}.part")


def _open_new(path: Path, flags: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
