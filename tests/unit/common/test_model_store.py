"""The model store: versions found, verified, switched; damaged or foreign names refused."""

import hashlib
from pathlib import Path

import pytest

from common.errors import ModelInvalidError, ModelNotFoundError
from common.manifest import Manifest, Preprocessing
from common.model_store import SHADOW_NAME, ModelStore, Shadow


def add_version(root: Path, version: str, content: bytes = b"weights") -> None:
    folder = root / version
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(content)
    Manifest.model_validate(
        {
            "version": version,
            "created_at": "2026-11-23T00:00:00Z",
            "architecture": "timm:tf_efficientnet_lite0",
            "labels": ["caries", "healthy"],
            "preprocessing": Preprocessing(input_size=32, decode_edge=32, mean=(0.0,) * 3, std=(1.0,) * 3),
            "dataset_digest": "",
            "seed": 0,
            "files": {"model.onnx": hashlib.sha256(content).hexdigest()},
        }
    ).write(folder)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    add_version(tmp_path, "2026-11-23-a")
    add_version(tmp_path, "2026-11-24-b")
    (tmp_path / "notes").mkdir()
    return ModelStore(tmp_path)


def test_versions_are_the_folders_with_a_manifest_in_order(store: ModelStore) -> None:
    assert store.versions() == ["2026-11-23-a", "2026-11-24-b"]


def test_a_store_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert ModelStore(tmp_path / "nowhere").versions() == []


def test_the_current_version_is_what_was_set_last(store: ModelStore) -> None:
    store.set_current("2026-11-23-a")
    store.set_current("2026-11-24-b")
    assert store.current() == "2026-11-24-b"
    assert (store.root / "current").read_text() == "2026-11-24-b\n"
    assert sorted(path.name for path in store.root.iterdir() if path.is_file()) == ["current", "previous"]


def test_the_previous_version_is_the_one_that_served_before(store: ModelStore) -> None:
    with pytest.raises(ModelNotFoundError, match="previous"):
        store.previous()
    store.set_current("2026-11-23-a")
    store.set_current("2026-11-24-b")
    store.set_current("2026-11-24-b")
    assert store.previous() == "2026-11-23-a"


def test_without_a_current_version_the_message_says_what_to_run(store: ModelStore) -> None:
    with pytest.raises(ModelNotFoundError, match="promote"):
        store.current()


def test_a_version_that_does_not_exist_cannot_become_current(store: ModelStore) -> None:
    store.set_current("2026-11-23-a")
    with pytest.raises(ModelNotFoundError):
        store.set_current("2026-12-01-c")
    assert store.current() == "2026-11-23-a"


def test_a_current_file_that_names_a_missing_version_is_reported(store: ModelStore) -> None:
    (store.root / "current").write_text("gone\n")
    with pytest.raises(ModelNotFoundError, match="gone"):
        store.current()


@pytest.mark.parametrize("name", ["", ".", "..", "../2026-11-23-a", "/etc", "a/b", "2026-11-23-a\n", "A"])
def test_a_name_that_could_leave_the_store_is_never_looked_up(store: ModelStore, name: str) -> None:
    with pytest.raises(ModelNotFoundError):
        store.folder(name)


def test_an_untouched_version_verifies(store: ModelStore) -> None:
    assert store.verify("2026-11-23-a").version == "2026-11-23-a"


def test_a_changed_file_is_refused(store: ModelStore) -> None:
    (store.root / "2026-11-23-a" / "model.onnx").write_bytes(b"Weights")
    with pytest.raises(ModelInvalidError, match=r"model\.onnx"):
        store.verify("2026-11-23-a")


def test_a_missing_file_is_refused(store: ModelStore) -> None:
    (store.root / "2026-11-23-a" / "model.onnx").unlink()
    with pytest.raises(ModelInvalidError, match=r"model\.onnx"):
        store.verify("2026-11-23-a")


def test_a_folder_under_another_name_than_its_manifest_is_refused(store: ModelStore) -> None:
    (store.root / "2026-11-23-a").rename(store.root / "renamed")
    with pytest.raises(ModelInvalidError, match="renamed"):
        store.manifest("renamed")


def test_a_shadow_takes_its_share_of_the_jobs_and_always_the_same_ones() -> None:
    ids = [f"job-{number}" for number in range(4000)]
    tenth, half = Shadow("v2", 0.1), Shadow("v2", 0.5)
    taken = [job_id for job_id in ids if tenth.takes(job_id)]
    assert 320 < len(taken) < 480
    assert taken == [job_id for job_id in ids if tenth.takes(job_id)]
    assert all(half.takes(job_id) for job_id in taken)
    assert all(Shadow("v2", 1.0).takes(job_id) for job_id in ids)


def test_a_shadow_is_named_until_it_is_ended_or_promoted(store) -> None:
    assert store.shadow() is None
    store.set_shadow(Shadow("2026-11-24-b", 0.25))
    assert store.shadow() == Shadow("2026-11-24-b", 0.25)
    store.end_shadow()
    assert store.shadow() is None
    store.set_shadow(Shadow("2026-11-24-b", 0.25))
    store.set_current("2026-11-24-b")
    assert store.shadow() is None


@pytest.mark.parametrize("text", ["", "2026-11-24-b", "v2 much", "v2 0", "v2 1.5", "../v2 0.1", "v2 nan"])
def test_what_cannot_be_read_names_no_shadow(store, text: str) -> None:
    (store.root / SHADOW_NAME).write_text(text)
    assert store.shadow() is None


def test_a_version_that_is_not_there_cannot_be_a_shadow(store) -> None:
    with pytest.raises(ModelNotFoundError):
        store.set_shadow(Shadow("v9", 0.1))
