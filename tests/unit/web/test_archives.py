"""Zip archives that were made to harm: refused before they cost memory, time or storage."""

import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from common.errors import ArchiveCorruptError, ArchiveError, ArchiveTooLargeError
from common.settings import Settings
from tests.unit.web.test_batches import Folder, zipped
from web.app_factory import create_app
from web.archives import read_archive
from web.multipart import Upload

_END_BYTES = 22


def read(
    data: bytes, *, max_entries: int = 10, max_entry_bytes: int = 1000, max_unpacked_bytes: int = 5000
) -> list[Upload]:
    limits = {"max_entries": max_entries, "max_entry_bytes": max_entry_bytes, "max_unpacked_bytes": max_unpacked_bytes}
    return list(read_archive(io.BytesIO(data), **limits))


def with_end(data: bytes, **fields: int) -> bytes:
    """Forge fields of the record at the end: the count of entries, the directory's size."""
    places = {"entries": (10, "<H"), "size": (12, "<L")}
    forged = bytearray(data)
    for name, value in fields.items():
        place, form = places[name]
        struct.pack_into(form, forged, len(data) - _END_BYTES + place, value)
    return bytes(forged)


def with_declared_size(data: bytes, declared: int) -> bytes:
    """Let the directory lie about the unpacked size of the only entry."""
    forged = bytearray(data)
    struct.pack_into("<L", forged, data.rindex(b"PK\x01\x02") + 24, declared)
    return bytes(forged)


def test_a_count_that_lies_is_not_believed() -> None:
    data = zipped(*[(f"{number}.jpg", b"x") for number in range(11)])
    with pytest.raises(ArchiveTooLargeError, match="11 entries"):
        read(with_end(data, entries=1))


def test_a_directory_swollen_by_comments_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        entry = zipfile.ZipInfo("a.jpg")
        entry.comment = bytes(60_000)
        archive.writestr(entry, b"x")
    with pytest.raises(ArchiveTooLargeError, match=r"directory has 0\.1 MB"):
        read(file.getvalue())
    assert read(file.getvalue(), max_entries=100) == [Upload(b"x", "a.jpg")]


def test_a_zip64_is_refused_for_its_second_directory_record() -> None:
    data = zipped(("a.jpg", b"x"))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    with pytest.raises(ArchiveError, match="ZIP64") as caught:
        read(data[:-_END_BYTES] + locator + data[-_END_BYTES:])
    assert caught.value.code == "archive_rejected"


@pytest.mark.parametrize("size", [0, 1, 40, 46, 10_000, 2**32 - 1])
def test_a_directory_of_another_size_than_it_says_is_corrupt(size: int) -> None:
    data = zipped(("a.jpg", b"x"))
    if size == 0:  # says that it is empty, and is read as empty
        assert read(with_end(data, size=size)) == []
        return
    with pytest.raises(ArchiveCorruptError):
        read(with_end(data, size=size))


def test_a_file_before_the_archive_is_passed_over() -> None:
    assert read(b"#!/bin/sh\n" + zipped(("a.jpg", b"x"))) == [Upload(b"x", "a.jpg")]


def test_an_archive_with_a_comment_is_read() -> None:
    file = io.BytesIO(zipped(("a.jpg", b"x")))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"of Monday"
    assert read(file.getvalue()) == [Upload(b"x", "a.jpg")]


def test_too_many_bytes_are_refused_before_the_first_is_given() -> None:
    data = zipped(*[(f"{number}.jpg", bytes(900)) for number in range(6)])
    uploads = read_archive(io.BytesIO(data), max_entries=10, max_entry_bytes=1000, max_unpacked_bytes=5000)
    with pytest.raises(ArchiveTooLargeError, match="unpacks to"):
        next(uploads)
    assert len(read(data, max_unpacked_bytes=5400)) == 6


def test_an_entry_that_declares_gigabytes_counts_as_what_is_read_of_it() -> None:
    data = with_declared_size(zipped(("a.jpg", bytes(2000))), 2**32 - 2)
    (upload,) = read(data)
    assert len(upload.data) <= 1001


def test_an_entry_that_declares_less_than_it_holds_gives_nothing() -> None:
    assert read(with_declared_size(zipped(("a.jpg", bytes(100_000))), 10)) == [Upload(b"", "a.jpg")]


def test_an_entry_of_a_method_without_bounds_gives_nothing() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.jpg", b"small")
    assert read(file.getvalue()) == [Upload(b"", "a.jpg")]


def test_nothing_of_an_archive_that_unpacks_to_too_much_is_stored(
    settings: Settings, make_image: Callable[..., bytes], stored_files: Callable[[], list[str]]
) -> None:
    folder = Folder(create_app(settings.model_copy(update={"max_archive_bytes": 200_000})).test_client())
    bombs = [(f"{number}.jpg", b"\xff\xd8\xff" + bytes(1_000_000)) for number in range(3)]
    answer = folder.add_zip(("a.jpg", make_image()), *bombs)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "archive_too_large")
    assert stored_files() == []
    assert folder.read()["total"] == 0
