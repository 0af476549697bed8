import errno
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from common.errors import ConfigurationError, StorageFullError, StorageUnavailableError, StoredImageMissingError
from common.jobs.record import new_job_id, new_job_ids
from common.storage import Storage, image_key, preview_key


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage((tmp_path / "storage").as_uri(), fsync=True)


def test_an_object_is_read_back_and_replaced(storage: Storage) -> None:
    storage.put("images/ab/abc", b"one")
    storage.put("images/ab/abc", b"two")
    assert storage.get("images/ab/abc") == b"two"


def test_a_missing_object_is_an_error_of_its_own(storage: Storage) -> None:
    with pytest.raises(StoredImageMissingError):
        storage.get(image_key("nosuchjob"))


def test_deleting_twice_is_fine(storage: Storage) -> None:
    storage.put(preview_key("abc"), b"x")
    storage.delete(preview_key("abc"))
    storage.delete(preview_key("abc"))
    with pytest.raises(StoredImageMissingError):
        storage.get(preview_key("abc"))


def test_a_full_storage_is_told_and_leaves_nothing_behind(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(StorageFullError):
        storage.put("images/ab/abc", b"one")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_objects_of_several_folders_are_stored_together(storage: Storage) -> None:
    objects = {image_key(job_id): job_id.encode() for job_id in ("aaa", "aab", "bbb")}
    storage.put_new(objects)
    assert {key: storage.get(key) for key in objects} == objects


def test_objects_stored_together_leave_nothing_unfinished_behind(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "storage" / "images" / "ab").mkdir(parents=True)
    # The second cannot take its name, which a folder has.
    (tmp_path / "storage" / image_key("abtaken") / "x").mkdir(parents=True)
    with pytest.raises(StorageUnavailableError):
        storage.put_new({image_key("abgood"): b"1", image_key("abtaken"): b"2", image_key("ablast"): b"3"})
    assert [path for path in (tmp_path / "storage").rglob("*") if path.is_file()] == []


def test_an_image_that_is_erased_while_it_is_written_is_not_stored(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "storage" / image_key("abc")
    flush = os.fsync

    def erase(descriptor: int) -> None:
        path.unlink(missing_ok=True)
        flush(descriptor)

    monkeypatch.setattr("os.fsync", erase)
    with pytest.raises(StorageUnavailableError):
        storage.put_new({image_key("abc"): b"one"})


def test_a_preview_that_is_erased_while_it_is_written_is_not_stored(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def erase(descriptor: int) -> None:
        storage.delete(preview_key("abc"))
        flush(descriptor)

    monkeypatch.setattr("os.fsync", erase)
    with pytest.raises(StorageUnavailableError):
        storage.put(preview_key("abc"), b"one")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_reader_never_meets_half_an_object_that_two_store(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, first, second = preview_key("abc"), b"1" * 64, b"2" * 64
    half_written, read = threading.Event(), threading.Event()
    flush, write = os.fsync, os.write

    def write_half_of_the_second(descriptor: int, data: memoryview) -> int:
        if bytes(data) != second:
            return write(descriptor, data)
        written = write(descriptor, data[:32])
        half_written.set()
        read.wait(20)
        return written

    def store_the_second() -> None:
        with suppress(StorageUnavailableError):
            storage.put(key, second)
        half_written.set()

    other = threading.Thread(target=store_the_second)

    def meet_the_second(descriptor: int) -> None:
        if not other.ident:
            other.start()
            assert half_written.wait(20)
        flush(descriptor)

    storage.put(preview_key("abd"), b"their folder")
    monkeypatch.setattr("os.write", write_half_of_the_second)
    monkeypatch.setattr("os.fsync", meet_the_second)
    storage.put(key, first)
    assert storage.get(key) in {first, second}
    read.set()
    other.join()
    assert storage.get(key) in {first, second}
    storage.put(key, b"later")
    assert storage.get(key) == b"later"
    assert [path for path in tmp_path.rglob("*.part") if path.is_file()] == []


def test_what_a_killed_writer_left_keeps_nobody_from_storing(storage: Storage, tmp_path: Path) -> None:
    left = tmp_path / "storage" / f"{preview_key('abc')}.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"more than half of a picture")
    storage.put(preview_key("abc"), b"one")
    assert storage.get(preview_key("abc")) == b"one"
    assert not left.exists()


def test_jobs_stored_together_share_a_folder_and_nothing_else() -> None:
    ids = new_job_ids(64)
    assert len({image_key(job_id).rpartition("/")[0] for job_id in ids}) == 1
    assert len({job_id[2:] for job_id in ids}) == 64
    assert {len(job_id) for job_id in ids} == {len(new_job_id())}


def test_an_unreachable_storage_is_told(tmp_path: Path) -> None:
    (tmp_path / "storage").write_text("a file where the folder should be")
    storage = Storage((tmp_path / "storage").as_uri(), fsync=False)
    with pytest.raises(StorageUnavailableError):
        storage.put("images/ab/abc", b"one")


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "photos of émile 100%"
    Storage(folder.as_uri(), fsync=True).put("images/ab/abc", b"one")
    assert (folder / "images" / "ab" / "abc").read_bytes() == b"one"
    assert Storage(str(folder), fsync=True).get("images/ab/abc") == b"one"


def test_an_unknown_kind_of_storage_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="DENTIQ_STORAGE_URL names a storage"):
        Storage("nosuch://x", fsync=True)
