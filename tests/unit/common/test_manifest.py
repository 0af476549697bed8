"""The manifest: what it accepts, what it refuses, and that equal preprocessing has equal digests."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from common.errors import ModelInvalidError, ModelNotFoundError
from common.manifest import Manifest, Preprocessing

PREPROCESSING = Preprocessing(input_size=224, decode_edge=224, mean=(127.0,) * 3, std=(128.0,) * 3)


def manifest(**changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "version": "v1",
        "created_at": datetime(2026, 11, 23, tzinfo=timezone.utc),
        "architecture": "timm:tf_efficientnet_lite0",
        "labels": ("caries", "healthy"),
        "preprocessing": PREPROCESSING,
        "dataset_digest": "0" * 64,
        "seed": 1,
        "files": {"model.onnx": "a" * 64},
        "golden": ({"seed": 0, "logits": (1.0, 2.0), "probabilities": (0.25, 0.75)},),
        **changes,
    }
    return Manifest(**values)


def test_a_written_manifest_reads_back_equal(tmp_path: Path) -> None:
    manifest().write(tmp_path)
    assert Manifest.read(tmp_path) == manifest()


def test_an_uncalibrated_manifest_has_neutral_defaults() -> None:
    made = manifest()
    assert (made.temperature, made.abstain_threshold, made.ood_rule) == (1.0, None, None)


def test_a_missing_manifest_is_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "v1"}'])
def test_a_damaged_manifest_is_an_invalid_model(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ModelInvalidError):
        Manifest.read(tmp_path)


def test_an_unknown_field_is_refused(tmp_path: Path) -> None:
    manifest().write(tmp_path)
    values = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**values, "temprature": 2}))
    with pytest.raises(ModelInvalidError, match="temprature"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ("caries", "caries")},
        {"labels": ("caries",)},
        {"labels": ("Caries", "../healthy")},
        {"architecture": "pickle:evil"},
        {"files": {"../escape": "a" * 64}},
        {"files": {"model.onnx": "short"}},
        {"temperature": 0.0},
        {"abstain_threshold": 1.5},
        {"golden": ({"seed": 0, "logits": (1.0,), "probabilities": (1.0,)},)},
        {"ood_rule": {"kind": "knn", "threshold": 1.0, "file": "absent.safetensors"}},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        manifest(**changes)


def test_the_digest_changes_with_anything_that_changes_pixels() -> None:
    same = Preprocessing.model_validate(PREPROCESSING.model_dump())
    other = PREPROCESSING.model_copy(update={"decode_edge": 448})
    assert PREPROCESSING.digest == same.digest
    assert PREPROCESSING.digest != other.digest
    assert len(PREPROCESSING.digest) == 12
