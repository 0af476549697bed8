"""Where image bytes are kept: an fsspec URL, with one key for each job's image and what is made from it."""

import errno
import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from common.errors import ConfigurationError, StorageFullError, StorageUnavailableError, StoredImageMissingError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def image_key(job_id: str) -> str:
    """Name a job's image in the storage; 1,024 folders keep each of them small."""
    return f"images/{job_id[:2]}/{job_id}"


def explanation_key(job_id: str) -> str:
    """Name a job's heat map in the storage."""
    return f"explanations/{job_id[:2]}/{job_id}.jpg"


def keys_of(job_id: str) -> tuple[str, ...]:
    """Name everything in the storage that belongs to a job and goes with it."""
    return image_key(job_id), preview_key(job_id), thumbnail_key(job_id), explanation_key(job_id)


def preview_key(job_id: str) -> str:
    """Name a job's preview in the storage."""
    return f"previews/{job_id[:2]}/{job_id}.jpg"


def thumbnail_key(job_id: str) -> str:
    """Name a job's thumbnail in the storage."""
    return f"thumbnails/{job_id[:2]}/{job_id}.jpg"


class Storage:
    """Put, get and delete whole objects.

    Every method raises `StorageUnavailableError` when the storage does not answer. Keys come from this module's
    functions, never from a sender.

    Args:
        url: fsspec URL of a folder, e.g. `file:///srv/dentiq` or `s3://bucket/prefix`.
        fsync: Flush each object of a local storage to the disk before `put` returns.
    """

    def __init__(self, url: str, *, fsync: bool) -> None:
        try:
            self._fs, self._root = fsspec.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise ConfigurationError(f"DENTIQ_STORAGE_URL names a storage that fsspec cannot open: {error}") from error
        self._fsync = fsync

    def put(self, key: str, data: bytes) -> None:
        """Store an object whole: after a crash it is there complete or not at all.

        Raises:
            StorageFullError: There is no room.
        """
        with self._errors_translated():
            if isinstance(self._fs, LocalFileSystem):
                _write_all({Path(self._path(key)): data}, fsync=self._fsync)
            else:
                self._fs.pipe_file(self._path(key), data)

    def put_many(self, objects: Mapping[str, bytes]) -> None:
        """Store objects, each whole or not at all; cheaper than one by one, above all where they share a folder.

        Raises:
            StorageFullError: There is no room. Some of them may be there.
        """
        with self._errors_translated():
            if isinstance(self._fs, LocalFileSystem):
                _write_all({Path(self._path(key)): data for key, data in objects.items()}, fsync=self._fsync)
            else:
                self._fs.pipe({self._path(key): data for key, data in objects.items()})

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises:
            StoredImageMissingError: There is no such object.
        """
        with self._errors_translated():
            try:
                data = self._fs.cat_file(self._path(key))
            except FileNotFoundError as error:
                raise StoredImageMissingError("The stored image is gone; it was erased or lost.") from error
        return bytes(data)

    def delete(self, key: str) -> None:
        """Remove an object and what a killed writer left of it; nothing happens when there is none."""
        with self._errors_translated():
            if isinstance(self._fs, LocalFileSystem):
                path = Path(self._path(key))
                _part_of(path).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                return
            with suppress(FileNotFoundError):
                self._fs.rm_file(self._path(key))

    def check(self) -> None:
        """Find out whether the storage answers."""
        with self._errors_translated():
            self._fs.exists(self._root)

    def _path(self, key: str) -> str:
        return posixpath.join(self._root, key)

    @contextmanager
    def _errors_translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise StorageFullError(
                    "The storage has no room for this image; free some, then send it again."
                ) from error
            raise StorageUnavailableError("The storage does not answer; try again later.") from error


def _write_all(objects: Mapping[Path, bytes], *, fsync: bool) -> None:
    """Write under other names first: a reader or a crash never meets half an object.

    Each step is taken for all objects before the next: the flushes of one step share the disk's work.
    """
    try:
        with ExitStack() as opened:
            descriptors = [_written(path, data, opened, fsync=fsync) for path, data in objects.items()]
            if fsync:
                for descriptor in descriptors:
                    os.fsync(descriptor)
        for path in objects:
            _part_of(path).replace(path)
        if fsync:
            for folder in {path.parent for path in objects}:
                _fsync_folder(folder)
    except OSError:
        for path in objects:
            _part_of(path).unlink(missing_ok=True)
        raise


def _written(path: Path, data: bytes, opened: ExitStack, *, fsync: bool) -> int:
    """Write an object under its other name, not yet flushed; return its descriptor."""
    part = _part_of(path)
    try:
        descriptor = _open_new(part)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        if fsync:
            _fsync_folder(path.parent.parent)
        descriptor = _open_new(part)
    file = opened.enter_context(os.fdopen(descriptor, "wb", buffering=0))
    written = 0
    while written < len(data):
        written += file.write(data[written:])
    return descriptor


def _part_of(path: Path) -> Path:
    """Name the file under which an object is written; a killed writer leaves it, `delete` removes it."""
    return path.with_name(f"{path.name}.part")


def _open_new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _fsync_folder(path: Path) -> None:
    """Flush names: without this a file that was flushed may be without its name after a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
