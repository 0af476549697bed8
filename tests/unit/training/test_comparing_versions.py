"""Versions are compared on the split they were made with, and never on what one of them may have learned, unsaid."""

import json
import shutil
from pathlib import Path

import pytest

from common.model_store import ModelStore
from tests.unit.training.commands import invoke, name_groups
from training.looks import looks
from training.run import Run


@pytest.fixture
def run(made_data: Path, tmp_path: Path) -> Run:
    name_groups(made_data)
    run = Run(tmp_path / "run")
    assert invoke("split", made_data, "--run", run.folder).exit_code == 0
    return run


@pytest.fixture
def store(tmp_path: Path, repository: Path, run: Run) -> ModelStore:
    committed = ModelStore(repository / "model_store")
    for name in ("one", "two"):
        folder = tmp_path / "store" / name
        shutil.copytree(committed.folder(committed.current()), folder)
        values = json.loads((folder / "manifest.json").read_text())
        digest = run.dataset().digest
        (folder / "manifest.json").write_text(json.dumps({**values, "version": name, "dataset_digest": digest}))
    return ModelStore(tmp_path / "store")


def compare(data: Path, store: ModelStore, *options: object) -> tuple[int, str]:
    result = invoke("compare", data, "one", "two", "--store", store.root, *options)
    return result.exit_code, result.output.replace("\n", " ")


def test_versions_are_compared_on_the_split_of_their_run_and_it_is_said_which(
    made_data: Path, run: Run, store: ModelStore
) -> None:
    code, output = compare(made_data, store, "--run", run.folder)
    assert code == 0, output
    assert f"on val of the split of {run.folder}, digest {run.dataset().digest[:16]}" in output
    assert f"{len(run.dataset().of('val'))} images" in output
    assert looks(run) == []


def test_a_comparison_on_test_is_a_look_at_it(made_data: Path, run: Run, store: ModelStore) -> None:
    for _ in range(2):
        assert compare(made_data, store, "--run", run.folder, "--split", "test")[0] == 0
    assert [look["of"] for look in looks(run)] == [{"versions": "one two"}]


def test_a_folder_that_nobody_has_split_is_not_split_by_chance(
    made_data: Path, tmp_path: Path, store: ModelStore
) -> None:
    code, output = compare(made_data, store, "--run", tmp_path / "other")
    assert code == 2
    assert "holds no split of" in output
    code, output = compare(tmp_path / "store", store, "--run", tmp_path / "run")
    assert code == 2
    assert "holds no split of" in output


def test_a_split_that_the_index_names_is_taken_without_a_run(
    made_data: Path, store: ModelStore, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where no run lies by default.
    monkeypatch.chdir(tmp_path)
    assert compare(made_data, store)[0] == 2
    shutil.copyfile(run.folder / "split.csv", made_data / "index.csv")
    code, output = compare(made_data, store)
    assert code == 0, output
    assert f"on val of the split of {made_data / 'index.csv'}" in output


def test_versions_made_otherwise_are_compared_only_on_purpose(made_data: Path, store: ModelStore, run: Run) -> None:
    manifest = store.root / "two" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "dataset_digest": "0" * 64}))
    code, output = compare(made_data, store, "--run", run.folder)
    assert code == 2
    assert "two was made of other photographs or another split" in output
    code, output = compare(made_data, store, "--run", run.folder, "--any-data")
    assert code == 0, output
    assert "unlike two was made of other photographs" in output
