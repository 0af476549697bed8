"""The network as a peer would serve it: by torch, as its documentation tells, or by our runtime.

`BENCH_RUNTIME=torch` reads the picture by Pillow, scales it and calls the torch network; `onnx` does the same with ONNX
Runtime, set up as ours; `worker` takes decoding and preprocessing from `worker.inference` too, so that what differs is
the server around them alone.
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ROOT = Path(__file__).resolve().parents[3]
_EDGE = 224


class Classifier(Protocol):
    """Classify pictures."""

    def predict(self, images: Sequence[bytes]) -> list[list[float]]:
        """Give the probabilities of each."""
        ...


class TorchClassifier:
    """Eager torch in float32 on one thread, a batch at a time."""

    def __init__(self) -> None:
        import torch  # noqa: PLC0415  the other runtimes must not pay for it
        from safetensors.torch import load_file  # noqa: PLC0415

        from worker.inference.networks import build  # noqa: PLC0415  timm's network under our names of its weights

        # One thread a process: two processes with two threads each on two cores are slower.
        torch.set_num_threads(1)
        self._torch: Any = torch
        weights = load_file(_version() / "model.safetensors")
        self._network = build("timm:tf_efficientnet_lite0", weights["head.weight"].shape[0])
        self._network.load_state_dict({name: value.float() for name, value in weights.items()})
        self._network.eval()

    def predict(self, images: Sequence[bytes]) -> list[list[float]]:
        """Give the probabilities of each image."""
        torch = self._torch
        batch = torch.from_numpy(np.stack([_input(image) for image in images]))
        with torch.inference_mode():
            rows: list[list[float]] = self._network(batch)[0].softmax(dim=1).tolist()
        return rows


class OnnxClassifier:
    """The same with the runtime that dentiq serves with."""

    def __init__(self) -> None:
        from worker.inference.onnx_runtime import OnnxRuntime  # noqa: PLC0415

        self._runtime = OnnxRuntime(_version())

    def predict(self, images: Sequence[bytes]) -> list[list[float]]:
        """Give the probabilities of each image."""
        logits = self._runtime.run(np.stack([_input(image) for image in images])).logits
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        rows: list[list[float]] = (powers / powers.sum(axis=1, keepdims=True)).tolist()
        return rows


class WorkerClassifier:
    """All that dentiq's worker does to an image."""

    def __init__(self) -> None:
        from common.model_store import ModelStore  # noqa: PLC0415
        from worker.inference.predictor import load_predictor  # noqa: PLC0415

        self._predictor = load_predictor(ModelStore(_ROOT / "model_store"), runtime="onnx", device="cpu")

    def predict(self, images: Sequence[bytes]) -> list[list[float]]:
        """Give the probabilities of each image."""
        inputs = [self._predictor.decode(image) for image in images]
        return [list(probabilities) for probabilities, _ in self._predictor.judge(inputs)]


def classifier() -> Classifier:
    """Make the classifier that the environment asks for."""
    kinds = {"torch": TorchClassifier, "onnx": OnnxClassifier, "worker": WorkerClassifier}
    return kinds[os.environ["BENCH_RUNTIME"]]()


def _version() -> Path:
    store = _ROOT / "model_store"
    return store / (store / "current").read_text().strip()


def _input(image: bytes) -> NDArray[np.float32]:
    picture = Image.open(io.BytesIO(image)).convert("RGB").resize((_EDGE, _EDGE), Image.Resampling.BICUBIC)
    return (np.asarray(picture, np.float32).transpose(2, 0, 1) - 127.0) / 128.0
