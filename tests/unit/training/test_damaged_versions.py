"""One damaged version in the store: the others are listed and serve, and what is wrong is said in a sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import ModelInvalidError, ModelNotFoundError
from common.model_store import ModelStore
from tests.unit.training.commands import invoke


@pytest.fixture
def store(tmp_path: Path, repository: Path) -> ModelStore:
    committed = ModelStore(repository / "model_store")
    version = committed.current()
    for name in ("good", "bad"):
        shutil.copytree(committed.folder(version), tmp_path / "store" / name)
        rewrite(tmp_path / "store" / name, version=name)
    store = ModelStore(tmp_path / "store")
    store.set_current("good")
    return store


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def without_weights(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def cut_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def without_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def odd_manifest(folder: Path) -> None:
    rewrite(folder, temperature=0, labels=[], seed="x", unknown=1)


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (without_weights, "File model.onnx of model version 'bad' cannot be read"),
    (cut_manifest, "Invalid JSON"),
    (without_manifest, "it has no manifest.json"),
    (odd_manifest, "labels: Tuple should have at least 2 items"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES)
def test_a_damaged_version_is_named_and_the_others_are_listed(
    store: ModelStore, damage: Callable[[Path], None], told: str
) -> None:
    damage(store.root / "bad")
    result = invoke("list", "--store", store.root)
    assert result.exit_code == 0, result.output
    assert "\n*  good" in result.output
    assert "damaged bad: " in result.output
    assert told in result.output
    assert "pydantic" not in result.output


@pytest.mark.parametrize(("damage", "told"), DAMAGES)
@pytest.mark.parametrize("command", [("promote", "bad"), ("shadow", "bad"), ("rollback",)])
def test_no_command_lets_a_damaged_version_in(
    store: ModelStore, damage: Callable[[Path], None], told: str, command: tuple[str, ...]
) -> None:
    store.set_current("bad")
    store.set_current("good")
    damage(store.root / "bad")
    result = invoke(*command, "--store", store.root)
    assert result.exit_code == 1, result.output
    assert result.output.startswith("Error: ")
    assert "pydantic" not in result.output
    assert (store.current(), store.shadow()) == ("good", None)


def test_a_version_that_is_to_serve_and_is_gone_is_told(store: ModelStore) -> None:
    shutil.rmtree(store.root / "good")
    result = invoke("list", "--store", store.root)
    assert result.exit_code == 0, result.output
    assert "missing good is to serve" in result.output
    with pytest.raises(ModelNotFoundError):
        store.current()


def test_names_are_listed_whole_however_narrow_the_terminal_is(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "x" * 64
    shutil.copytree(store.root / "good", store.root / name)
    rewrite(store.root / name, version=name)
    monkeypatch.setenv("COLUMNS", "80")
    result = invoke("list", "--store", store.root)
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.output.splitlines() if name in line)
    assert line.split()[1] == "timm:tf_efficientnet_lite0"


def test_metrics_of_another_form_do_not_end_the_list(store: ModelStore) -> None:
    rewrite(store.root / "bad", metrics={"test": [1]})
    result = invoke("list", "--store", store.root)
    assert result.exit_code == 0, result.output
    assert "bad" in result.output


def test_the_first_problems_of_a_manifest_are_named_by_field(store: ModelStore) -> None:
    odd_manifest(store.root / "bad")
    with pytest.raises(ModelInvalidError) as caught:
        store.manifest("bad")
    assert "temperature: Input should be greater than 0" in str(caught.value)
    assert "(and 1 more)" in str(caught.value)
