"""Zip archives of images: read entry by entry, bounded in number and in unpacked bytes, never written to a path."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Final

from common.errors import ArchiveCorruptError, ArchiveTooLargeError
from web.multipart import Upload

# End of central directory record: signature, disks, entries, size and place of the directory (APPNOTE 4.3.16).
_END: Final = struct.Struct("<4s4H2LH")
_END_SIGNATURE: Final = b"PK\x05\x06"
_LONGEST_COMMENT: Final = 65535

# What operating systems put beside the pictures.
_CLUTTER: Final = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})


def read_archive(file: IO[bytes], *, max_entries: int, max_entry_bytes: int) -> Iterator[Upload]:
    """Give the files of an archive one after the other.

    Args:
        file: Seekable; read while the iterator runs.
        max_entries: Most entries, checked before the directory is read.
        max_entry_bytes: Reading an entry stops one byte above this, whatever its header says.

    Returns:
        Uploads, named by their path in the archive. An entry of more than `max_entry_bytes` is cut one byte above them,
        which the check of images then refuses; one that cannot be unpacked comes as no bytes.

    Raises:
        ArchiveCorruptError: It is no zip archive.
        ArchiveTooLargeError: It has too many entries.
    """
    _refuse_large_directory(file, max_entries=max_entries)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise ArchiveCorruptError(f"The archive cannot be read ({error}); pack it again as a plain zip.") from error
    with archive:
        for entry in archive.infolist():
            name = entry_name(entry.filename)
            if not entry.is_dir() and name is not None:
                yield Upload(_read_entry(archive, entry, max_entry_bytes), name)


def entry_name(path: str) -> str | None:
    """Make a name to show of an entry's path: relative, without steps upwards; None for clutter."""
    steps = [step for step in PurePosixPath(path.replace("\\", "/")).parts if step not in {"/", "..", "."}]
    if not steps or _CLUTTER.intersection(steps) or steps[-1].startswith("._"):
        return None
    return "/".join(steps)


def _refuse_large_directory(file: IO[bytes], *, max_entries: int) -> None:
    """Look at the end of the archive alone: `zipfile` reads a whole directory into memory before it can be asked."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _LONGEST_COMMENT - _END.size))
    tail = file.read()
    place = tail.rfind(_END_SIGNATURE)
    if place < 0 or len(tail) - place < _END.size:
        raise ArchiveCorruptError("The file is no zip archive, or its end is missing; pack and send it again.")
    entries = _END.unpack_from(tail, place)[4]
    if entries > max_entries:
        raise ArchiveTooLargeError(
            f"The archive has {entries if entries < 0xFFFF else 'over 65,534'} entries; up to {max_entries} are taken. "
            "Send it in parts."
        )
    file.seek(0)


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> bytes:
    try:
        with archive.open(entry) as stream:
            return stream.read(max_bytes + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        # Encrypted, damaged or packed by a method that Python lacks: no bytes, refused as an empty image.
        return b""
