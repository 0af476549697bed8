import errno
import os
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
