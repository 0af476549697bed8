"""Tiny networks whose answers are known by hand, and pictures made on the spot."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InferenceError
from common.manifest import Manifest, Preprocessing
from worker.inference.runtime import Floats, Input, NetworkOutput

PREPROCESSING = Preprocessing(input_size=32, decode_edge=32, mean=(127.0,) * 3, std=(128.0,) * 3)


def make_manifest(**changes: object) -> Manifest:
    values: dict[str, object] = {
        "version": "tiny",
        "created_at": "2026-11-23T00:00:00Z",
        "architecture": "timm:tf_efficientnet_lite0",
        "labels": ["red", "green", "blue"],
        "preprocessing": PREPROCESSING,
        "dataset_digest": "",
        "seed": 0,
        "files": {},
        **changes,
    }
    return Manifest.model_validate(values)


class ColourRuntime:
    """Logits are ten times the mean of each channel; 'poison' pixels make the whole forward pass fail."""

    name = "colour"
    device = "cpu"
    normalises = False
    tolerance = 1e-3

    def __init__(self, *, fails_on: Callable[[Input], bool] = lambda _: False) -> None:
        self.calls: list[int] = []
        self._fails_on = fails_on

    def run(self, batch: Sequence[Input]) -> NetworkOutput:
        self.calls.append(len(batch))
        if any(self._fails_on(single) for single in batch):
            raise InferenceError("the network failed")
        means = np.stack(batch).mean(axis=(2, 3)).astype(np.float32)
        return NetworkOutput(logits=means * 10, features=means)

    def evidence(self, single: Input) -> Floats | None:
        return single.astype(np.float32)


@pytest.fixture
def preprocessing() -> Preprocessing:
    return PREPROCESSING


@pytest.fixture
def manifest_of() -> Callable[..., Manifest]:
    return make_manifest


@pytest.fixture
def colour_runtime() -> Callable[..., ColourRuntime]:
    return ColourRuntime


@pytest.fixture
def photo() -> Callable[..., bytes]:
    def make(colour: tuple[int, int, int], size: tuple[int, int] = (48, 48)) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", size, colour).save(buffer, "JPEG", quality=95)
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parents[3]
