"""Zip archives of images: read entry by entry, bounded in number and in unpacked bytes, never written to a path."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Final

from common.errors import (
    ArchiveCorruptError,
    ArchiveEmptyError,
    ArchiveTooLargeError,
    EntryDamagedError,
    EntryEncryptedError,
    EntryMethodError,
)
from web.archive_directory import check_directory
from web.multipart import Upload

# Of the other methods `zipfile` unpacks a whole read at once: 20 MB of bzip2 can hold 400 GB.
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})

# What others are called, to say so (APPNOTE 4.4.5).
_NAMES: Final = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}

# Bit of an entry's flags: it needs a password (APPNOTE 4.4.4).
_ENCRYPTED: Final = 0x1

# What operating systems put beside the pictures.
_CLUTTER: Final = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})


def read_archive(
    file: IO[bytes], *, max_entries: int, max_entry_bytes: int, max_unpacked_bytes: int
) -> Iterator[Upload]:
    """Give the files of an archive one after the other; whether it can be taken is decided before the first.

    Args:
        file: Seekable; read while the iterator runs.
        max_entries: Most entries, checked before the directory is read.
        max_entry_bytes: Reading an entry stops one byte above this, whatever its header says.
        max_unpacked_bytes: Most bytes that all entries together may give, checked before the first is given.

    Returns:
        Uploads, named by their path in the archive. An entry of more than `max_entry_bytes` is cut one byte above them,
        which the check of images then refuses; one that cannot be unpacked comes with the fault that says why.

    Raises:
        ArchiveCorruptError: It is no zip archive.
        ArchiveEmptyError: There is no file in it.
        ArchiveTooLargeError: It has too many entries, or unpacks to too many bytes.
    """
    check_directory(file, max_entries=max_entries)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise ArchiveCorruptError(f"The archive cannot be read ({error}); pack it again as a plain zip.") from error
    files = _files(archive)
    _refuse_much(sum(_bytes_to_read(entry, max_entry_bytes) for entry, _ in files), max_unpacked_bytes)
    return (_read_entry(archive, entry, name, max_entry_bytes) for entry, name in files)


def entry_name(path: str) -> str | None:
    """Make a name to show of an entry's path: relative, without steps upwards; None for clutter."""
    steps = [step for step in PurePosixPath(path.replace("\\", "/")).parts if step not in {"/", "..", "."}]
    if not steps or _CLUTTER.intersection(steps) or steps[-1].startswith("._"):
        return None
    return "/".join(steps)


def _files(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    entries = archive.infolist()
    named = ((entry, entry_name(entry.filename)) for entry in entries if not entry.is_dir())
    files = [(entry, name) for entry, name in named if name is not None]
    if not files:
        raise ArchiveEmptyError(
            f"The archive has {_no_files(len(entries))}; pack photographs into it, then send it again."
        )
    return files


def _no_files(entries: int) -> str:
    if entries < 2:
        return "one entry, a folder or what systems leave behind" if entries else "no entry"
    return f"{entries} entries, all of them folders or what systems leave behind"


def _refuse_much(unpacked_bytes: int, max_bytes: int) -> None:
    if unpacked_bytes > max_bytes:
        raise ArchiveTooLargeError(
            f"The archive unpacks to {unpacked_bytes / 1e6:.0f} MB; up to {max_bytes / 1e6:.0f} MB are taken. "
            "Send it in parts."
        )


def _bytes_to_read(entry: zipfile.ZipInfo, max_bytes: int) -> int:
    """Most bytes that reading an entry can give: an entry that lies about its size is cut there."""
    return min(entry.file_size, max_bytes + 1)


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, max_bytes: int) -> Upload:
    # First: some programs keep the method of an encrypted entry to themselves.
    if entry.flag_bits & _ENCRYPTED:
        return Upload(b"", name, EntryEncryptedError("The file is encrypted; pack it again without a password."))
    if entry.compress_type not in _METHODS:
        return Upload(b"", name, _wrong_method(entry))
    try:
        with archive.open(entry) as stream:
            return Upload(stream.read(_bytes_to_read(entry, max_bytes)), name)
    except NotImplementedError:
        return Upload(b"", name, _wrong_method(entry))
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError, OverflowError):
        damaged = EntryDamagedError("The file cannot be unpacked: it is damaged in the archive; pack it again.")
        return Upload(b"", name, damaged)


def _wrong_method(entry: zipfile.ZipInfo) -> EntryMethodError:
    method = _NAMES.get(entry.compress_type, f"method {entry.compress_type}")
    return EntryMethodError(f"The file is packed by {method}; only Deflate is taken. Pack it again as a plain zip.")
