"""Zip archives of images: read entry by entry, bounded in number and in unpacked bytes, never written to a path."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Final

from common.errors import ArchiveCorruptError, ArchiveTooLargeError
from web.archive_directory import check_directory
from web.multipart import Upload

# Of the other methods `zipfile` unpacks a whole read at once: 20 MB of bzip2 can hold 400 GB.
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})

# What operating systems put beside the pictures.
_CLUTTER: Final = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})


def read_archive(
    file: IO[bytes], *, max_entries: int, max_entry_bytes: int, max_unpacked_bytes: int
) -> Iterator[Upload]:
    """Give the files of an archive one after the other.

    Args:
        file: Seekable; read while the iterator runs.
        max_entries: Most entries, checked before the directory is read.
        max_entry_bytes: Reading an entry stops one byte above this, whatever its header says.
        max_unpacked_bytes: Most bytes that all entries together may give, checked before the first is given.

    Returns:
        Uploads, named by their path in the archive. An entry of more than `max_entry_bytes` is cut one byte above them,
        which the check of images then refuses; one that cannot be unpacked comes as no bytes.

    Raises:
        ArchiveCorruptError: It is no zip archive.
        ArchiveTooLargeError: It has too many entries, or unpacks to too many bytes.
        ArchiveError: It is a kind of zip archive that is not taken.
    """
    check_directory(file, max_entries=max_entries)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise ArchiveCorruptError(f"The archive cannot be read ({error}); pack it again as a plain zip.") from error
    with archive:
        files = _files(archive)
        _refuse_much(sum(_bytes_to_read(entry, max_entry_bytes) for entry, _ in files), max_unpacked_bytes)
        for entry, name in files:
            yield Upload(_read_entry(archive, entry, max_entry_bytes), name)


def entry_name(path: str) -> str | None:
    """Make a name to show of an entry's path: relative, without steps upwards; None for clutter."""
    steps = [step for step in PurePosixPath(path.replace("\\", "/")).parts if step not in {"/", "..", "."}]
    if not steps or _CLUTTER.intersection(steps) or steps[-1].startswith("._"):
        return None
    return "/".join(steps)


def _files(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    named = ((entry, entry_name(entry.filename)) for entry in archive.infolist() if not entry.is_dir())
    return [(entry, name) for entry, name in named if name is not None]


def _refuse_much(unpacked_bytes: int, max_bytes: int) -> None:
    if unpacked_bytes > max_bytes:
        raise ArchiveTooLargeError(
            f"The archive unpacks to {unpacked_bytes / 1e6:.0f} MB; up to {max_bytes / 1e6:.0f} MB are taken. "
            "Send it in parts."
        )


def _bytes_to_read(entry: zipfile.ZipInfo, max_bytes: int) -> int:
    """Most bytes that reading an entry can give: an entry that lies about its size is cut there."""
    return min(entry.file_size, max_bytes + 1)


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> bytes:
    if entry.compress_type not in _METHODS:
        return b""
    try:
        with archive.open(entry) as stream:
            return stream.read(_bytes_to_read(entry, max_bytes))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        # Encrypted or damaged: no bytes, refused as an empty image; so is one of another method.
        return b""
