"""The directory at the end of a zip archive, checked before `zipfile` reads all of it into memory."""

import struct
from typing import IO, Final

from common.errors import ArchiveCorruptError, ArchiveError, ArchiveTooLargeError

# End of central directory record: signature, disks, entries, size and place of the directory (APPNOTE 4.3.16).
_END: Final = struct.Struct("<4s4H2LH")
_END_SIGNATURE: Final = b"PK\x05\x06"
_LONGEST_COMMENT: Final = 65535

# Where a ZIP64 archive has it, `zipfile` believes the record that this locator leads to (APPNOTE 4.3.15).
_LOCATOR_BYTES: Final = 20
_LOCATOR_SIGNATURE: Final = b"PK\x06\x07"

# Central directory header: signature, then the lengths of name, extra fields and comment (APPNOTE 4.3.12).
_ENTRY: Final = struct.Struct("<4s24x3H12x")
_ENTRY_SIGNATURE: Final = b"PK\x01\x02"

# On average: the header, a path of 255 characters, its copy in UTF-8 and a comment leave room for as much again.
_ENTRY_BYTES: Final = 1024


def check_directory(file: IO[bytes], *, max_entries: int) -> None:
    """Refuse an archive whose directory is too large, whatever its own count of entries says.

    `zipfile` goes by the directory's size: a gigabyte of it would become 20 million objects.

    Args:
        file: Seekable; it is left at its beginning.

    Raises:
        ArchiveCorruptError: It has no directory, or a damaged one.
        ArchiveTooLargeError: The directory has too many entries or bytes.
        ArchiveError: It is a ZIP64 archive, which nothing within our limits needs.
    """
    size = file.seek(0, 2)
    first = max(0, size - _LONGEST_COMMENT - _END.size - _LOCATOR_BYTES)
    file.seek(first)
    tail = file.read()
    place = tail.rfind(_END_SIGNATURE)
    if place < 0 or len(tail) - place < _END.size:
        raise ArchiveCorruptError("The file is no zip archive, or its end is missing; pack and send it again.")
    _, _, _, _, declared, length, _, _ = _END.unpack_from(tail, place)
    _refuse_many(declared, max_entries)
    if tail[max(0, place - _LOCATOR_BYTES) :].startswith(_LOCATOR_SIGNATURE):
        raise ArchiveError("The archive is a ZIP64; pack it again as a plain zip, in parts if it is large.")
    if length > first + place:
        raise ArchiveCorruptError("The archive's directory does not fit into it; pack and send it again.")
    if length > max_entries * _ENTRY_BYTES:
        raise ArchiveTooLargeError(
            f"The archive's directory has {length / 1e6:.1f} MB; up to {max_entries * _ENTRY_BYTES / 1e6:.1f} MB are "
            "taken. Send it in parts, with shorter names and without comments."
        )
    file.seek(first + place - length)
    _refuse_many(_count_entries(file.read(length)), max_entries)
    file.seek(0)


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
