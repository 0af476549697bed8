"""Zip archives that were made to harm: refused before they cost memory, time or storage."""

import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from common.errors import ArchiveCorruptError, ArchiveTooLargeError
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


class Pipe(io.RawIOBase):
    """Takes bytes and goes nowhere back, as a pipe."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.written += bytes(data)
        return len(data)


def streamed(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, bytes], zip64: bool) -> bytes:
    """Pack into a pipe: sizes stand behind the data; as a ZIP64, which programs make that know no size beforehand."""
    pipe = Pipe()
    with monkeypatch.context() as patched, zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        if zip64:
            patched.setattr(zipfile, "ZIP64_LIMIT", 0)
            patched.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 0)
        for name, data in entries:
            with archive.open(name, "w", force_zip64=zip64) as entry:
                entry.write(data)
    assert (b"PK\x06\x06" in pipe.written) == zip64
    return pipe.written


@pytest.mark.parametrize("zip64", [False, True])
def test_an_archive_that_was_written_to_a_pipe_is_read(monkeypatch: pytest.MonkeyPatch, zip64: bool) -> None:
    data = streamed(monkeypatch, ("a.jpg", b"x" * 500), ("b/c.jpg", b"y"), zip64=zip64)
    assert read(data) == [Upload(b"x" * 500, "a.jpg"), Upload(b"y", "b/c.jpg")]
    with pytest.raises(ArchiveTooLargeError, match="2 entries"):
        read(data, max_entries=1)


@pytest.mark.parametrize(("place", "lie"), [(32, 1), (40, 2**40), (40, 1)])
def test_a_zip64_record_that_lies_is_found_out(monkeypatch: pytest.MonkeyPatch, place: int, lie: int) -> None:
    data = bytearray(streamed(monkeypatch, *[(f"{number}.jpg", b"x") for number in range(11)], zip64=True))
    struct.pack_into("<Q", data, data.rindex(b"PK\x06\x06") + place, lie)
    with pytest.raises((ArchiveTooLargeError, ArchiveCorruptError)):
        read(bytes(data))


def test_a_locator_that_points_elsewhere_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = zipped(("a.jpg", b"x"))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    with pytest.raises(ArchiveCorruptError, match="ZIP64"):
        read(plain[:-_END_BYTES] + locator + plain[-_END_BYTES:])
    data = bytearray(streamed(monkeypatch, ("a.jpg", b"x"), zip64=True))
    struct.pack_into("<Q", data, data.rindex(b"PK\x06\x07") + 8, 0)
    with pytest.raises(ArchiveCorruptError, match="ZIP64"):
        read(bytes(data))


@pytest.mark.parametrize("size", [1, 40, 46, 10_000, 2**32 - 1])
def test_a_directory_of_another_size_than_it_says_is_corrupt(size: int) -> None:
    with pytest.raises(ArchiveCorruptError):
        read(with_end(zipped(("a.jpg", b"x")), size=size))


EMPTY = {
    "nothing": (zipped(), "no entry"),
    "a directory of no bytes": (with_end(zipped(("a.jpg", b"x")), size=0), "no entry"),
    "one folder": (zipped(("a/", b"")), "has one entry, a folder or what systems leave behind;"),
    "folders": (zipped(("a/", b""), ("a/b/", b"")), "2 entries, all of them folders"),
    "what systems leave behind": (zipped(("__MACOSX/._a.jpg", b"x"), (".DS_Store", b"x")), "2 entries"),
}


@pytest.mark.parametrize(("data", "said"), EMPTY.values(), ids=EMPTY.keys())
def test_an_archive_without_a_file_is_refused(
    settings: Settings, make_image: Callable[..., bytes], data: bytes, said: str
) -> None:
    folder = Folder(create_app(settings).test_client())
    for _ in range(2):
        answer = folder.add_archive(data, key="k")
        assert (answer.status_code, answer.get_json()["code"]) == (422, "archive_empty")
        assert said in answer.get_json()["detail"]
    # As after every refusal of a whole request: nothing happened, so that the key is free for the mended one.
    assert folder.add_zip(("a.jpg", make_image()), key="k").status_code == 202
    assert folder.add_archive(data, key="k").status_code == 422
    assert folder.read()["total"] == 1


def test_images_beside_an_archive_that_is_refused_are_not_accepted(
    settings: Settings, make_image: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # So small that the images would be a portion before the archive is looked at.
    monkeypatch.setattr("web.batch_submissions._PORTION_BYTES", 1)
    folder = Folder(create_app(settings).test_client())
    sent = {"images": [(io.BytesIO(make_image()), "a.jpg")], "archive": (io.BytesIO(zipped()), "b.zip")}
    answer = folder.client.post(f"{folder.url}/images", data=sent)
    assert (answer.status_code, folder.read()["total"]) == (422, 0)


def test_a_file_before_the_archive_is_passed_over() -> None:
    assert read(b"#!/bin/sh\n" + zipped(("a.jpg", b"x"))) == [Upload(b"x", "a.jpg")]


def test_an_archive_with_a_comment_is_read() -> None:
    file = io.BytesIO(zipped(("a.jpg", b"x")))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"of Monday"
    assert read(file.getvalue()) == [Upload(b"x", "a.jpg")]


def test_too_many_bytes_are_refused_before_the_first_is_given() -> None:
    data = zipped(*[(f"{number}.jpg", bytes(900)) for number in range(6)])
    with pytest.raises(ArchiveTooLargeError, match="unpacks to"):
        read_archive(io.BytesIO(data), max_entries=10, max_entry_bytes=1000, max_unpacked_bytes=5000)
    assert len(read(data, max_unpacked_bytes=5400)) == 6


def test_an_entry_that_declares_gigabytes_counts_as_what_is_read_of_it() -> None:
    data = with_declared_size(zipped(("a.jpg", bytes(2000))), 2**32 - 2)
    (upload,) = read(data)
    assert len(upload.data) <= 1001


def flagged(data: bytes, flag: int) -> bytes:
    """Set a flag of the only entry, in both of its headers."""
    forged = bytearray(data)
    forged[6] |= flag
    forged[data.rindex(b"PK\x01\x02") + 8] |= flag
    return bytes(forged)


def packed(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.jpg", b"small")
    return file.getvalue()


def with_place(data: bytes, place: int) -> bytes:
    """Let the directory lie about where the only entry begins, as ZIP64 may."""
    entry, end = data.rindex(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    forged = bytearray(data)
    struct.pack_into("<L", forged, entry + 42, 0xFFFFFFFF)
    (name,) = struct.unpack_from("<H", forged, entry + 28)
    struct.pack_into("<H", forged, entry + 30, 12)
    struct.pack_into("<L", forged, end + 12, end - entry + 12)
    after = entry + 46 + name
    return bytes(forged[:after] + struct.pack("<HHQ", 1, 8, place) + forged[after:])


UNREADABLE = {
    "encrypted": (flagged(zipped(("a.jpg", b"x")), 0x1), "entry_encrypted", "password"),
    "encrypted, by LZMA": (flagged(packed(zipfile.ZIP_LZMA), 0x1), "entry_encrypted", "password"),
    "LZMA": (packed(zipfile.ZIP_LZMA), "entry_method_unsupported", "packed by LZMA"),
    "bzip2": (packed(zipfile.ZIP_BZIP2), "entry_method_unsupported", "packed by bzip2"),
    "patches": (flagged(zipped(("a.jpg", b"x")), 0x20), "entry_method_unsupported", "plain zip"),
    "far beyond the end": (with_place(zipped(("a.jpg", b"x")), 2**63 + 5), "entry_damaged", "damaged"),
    "less than it holds": (with_declared_size(zipped(("a.jpg", bytes(100_000))), 10), "entry_damaged", "damaged"),
}


@pytest.mark.parametrize(("data", "code", "said"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_entry_that_cannot_be_unpacked_is_rejected_for_its_own_reason(
    settings: Settings, data: bytes, code: str, said: str
) -> None:
    answer = Folder(create_app(settings).test_client()).add_archive(data)
    assert answer.status_code == 202
    (rejected,) = answer.get_json()["rejected"]
    assert (rejected["filename"], rejected["code"]) == ("a.jpg", code)
    assert said in rejected["message"]


def test_nothing_of_an_archive_that_unpacks_to_too_much_is_stored(
    settings: Settings, make_image: Callable[..., bytes], stored_files: Callable[[], list[str]]
) -> None:
    folder = Folder(create_app(settings.model_copy(update={"max_archive_bytes": 200_000})).test_client())
    bombs = [(f"{number}.jpg", b"\xff\xd8\xff" + bytes(1_000_000)) for number in range(3)]
    answer = folder.add_zip(("a.jpg", make_image()), *bombs)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "archive_too_large")
    assert stored_files() == []
    assert folder.read()["total"] == 0
