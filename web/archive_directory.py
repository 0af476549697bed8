"""The directory at the end of a zip archive, checked before `zipfile` reads all of it into memory."""

import struct
from dataclasses import dataclass
from typing import IO, Final

from common.errors import ArchiveCorruptError, ArchiveTooLargeError

# End of central directory record: signature, disks, entries, size and place of the directory (APPNOTE 4.3.16).
_END: Final = struct.Struct("<4s4H2LH")
_END_SIGNATURE: Final = b"PK\x05\x06"
_LONGEST_COMMENT: Final = 65535

# Where a ZIP64 archive has it, `zipfile` believes the record that this locator leads to: disk, place, disks (APPNOTE
# 4.3.15). Programs that write to a pipe make one of any size, for they do not know it beforehand.
_LOCATOR: Final = struct.Struct("<4sLQL")
_LOCATOR_SIGNATURE: Final = b"PK\x06\x07"

# ZIP64 end of central directory record, from whose fields the same numbers are taken (APPNOTE 4.3.14).
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_END64_SIGNATURE: Final = b"PK\x06\x06"

# Central directory header: signature, then the lengths of name, extra fields and comment (APPNOTE 4.3.12).
_ENTRY: Final = struct.Struct("<4s24x3H12x")
_ENTRY_SIGNATURE: Final = b"PK\x01\x02"

# On average: the header, a path of 255 characters, its copy in UTF-8 and a comment leave room for as much again.
_ENTRY_BYTES: Final = 1024


@dataclass(frozen=True)
class _Directory:
    """What an archive's end says of its directory.

    Attributes:
        entries: How many it has.
        length: Its bytes.
        end: Where it ends.
    """

    entries: int
    length: int
    end: int


def check_directory(file: IO[bytes], *, max_entries: int) -> None:
    """Refuse an archive whose directory is too large, whatever its own count of entries says.

    `zipfile` goes by the directory's size: a gigabyte of it would become 20 million objects.

    Args:
        file: Seekable; it is left at its beginning.

    Raises:
        ArchiveCorruptError: It has no directory, or a damaged one.
        ArchiveTooLargeError: The directory has too many entries or bytes.
    """
    directory = _find(file)
    _refuse_many(directory.entries, max_entries)
    if directory.length > directory.end:
        raise ArchiveCorruptError("The archive's directory does not fit into it; pack and send it again.")
    if directory.length > max_entries * _ENTRY_BYTES:
        raise ArchiveTooLargeError(
            f"The archive's directory has {directory.length / 1e6:.1f} MB; up to "
            f"{max_entries * _ENTRY_BYTES / 1e6:.1f} MB are taken. Send it in parts, with shorter names and without "
            "comments."
        )
    file.seek(directory.end - directory.length)
    _refuse_many(_count_entries(file.read(directory.length)), max_entries)
    file.seek(0)


def _find(file: IO[bytes]) -> _Directory:
    size = file.seek(0, 2)
    first = max(0, size - _LONGEST_COMMENT - _END.size - _LOCATOR.size - _END64.size)
    file.seek(first)
    tail = file.read()
    place = tail.rfind(_END_SIGNATURE)
    if place < 0 or len(tail) - place < _END.size:
        raise ArchiveCorruptError("The file is no zip archive, or its end is missing; pack and send it again.")
    locator = tail[max(0, place - _LOCATOR.size) : place]
    if len(locator) == _LOCATOR.size and locator.startswith(_LOCATOR_SIGNATURE):
        return _find64(tail[: place - _LOCATOR.size], locator, first)
    _, _, _, _, entries, length, _, _ = _END.unpack_from(tail, place)
    return _Directory(entries, length, first + place)


def _find64(before: bytes, locator: bytes, first: int) -> _Directory:
    """Read the record that `zipfile` believes in a ZIP64 archive.

    Versions of `zipfile` look for it right before the locator, or where that points: only an archive in which both are
    the same place is read, so that what is checked here is what is unpacked there.

    Args:
        before: The end of the file, up to the locator.
        locator: The locator.
        first: Where `before` begins in the file.
    """
    place = len(before) - _END64.size
    _, _, pointed, _ = _LOCATOR.unpack(locator)
    if place < 0 or pointed != first + place or not before.startswith(_END64_SIGNATURE, place):
        raise ArchiveCorruptError("The archive's ZIP64 directory record is not where it should be; pack it again.")
    _, _, _, _, _, _, _, entries, length, _ = _END64.unpack_from(before, place)
    return _Directory(entries, length, first + place)


def _refuse_many(entries: int, max_entries: int) -> None:
    if entries > max_entries:
        count = str(entries) if entries != 0xFFFF else "over 65,534"
        raise ArchiveTooLargeError(f"The archive has {count} entries; up to {max_entries} are taken. Send it in parts.")


def _count_entries(directory: bytes) -> int:
    count = place = 0
    while place < len(directory):
        if len(directory) - place < _ENTRY.size:
            raise ArchiveCorruptError("The archive's directory is cut off; pack and send it again.")
        signature, *lengths = _ENTRY.unpack_from(directory, place)
        if signature != _ENTRY_SIGNATURE:
            raise ArchiveCorruptError("The archive's directory is damaged; pack and send it again.")
        place += _ENTRY.size + sum(lengths)
        count += 1
    return count
