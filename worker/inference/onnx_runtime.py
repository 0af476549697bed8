"""The CPU runtime: ONNX Runtime with one thread. Never imports torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from common.errors import InferenceError, ModelInvalidError
from worker.inference.runtime import Floats, Input, NetworkOutput

ONNX_FILE = "model.onnx"

# Name of the batch axis in exported models.
BATCH_AXIS = "batch"


class OnnxRuntime:
    """Run `model.onnx` on one CPU core.

    Args:
        folder: Folder of the model version.

    Raises:
        ModelInvalidError: The file is no model that ONNX Runtime can run.
    """

    name = "onnx"
    device = "cpu"
    normalises = False
    tolerance = 1e-3

    def __init__(self, folder: Path) -> None:
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / ONNX_FILE), _options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise ModelInvalidError(
                f"{ONNX_FILE} of model version {folder.name!r} cannot be loaded: {error}"
            ) from error
        self._input = self._session.get_inputs()[0].name
        self._explains = any(output.name == "evidence" for output in self._session.get_outputs())

    def run(self, batch: Sequence[Input]) -> NetworkOutput:
        """Compute inputs float32 [3, H, W], one after the other.

        Batches do not help this runtime (one core of a Zen 4: 88 images/s at batch 1, 80 at 16), and singles need a
        tenth of the memory and give a chunk bit for bit the answers of its images alone.

        Raises:
            InferenceError: The forward pass failed.
        """
        rows = [self._outputs(["logits", "features"], single[None]) for single in batch]
        return NetworkOutput(
            logits=np.concatenate([logits for logits, _ in rows]),
            features=np.concatenate([features for _, features in rows]),
        )

    def evidence(self, single: Input) -> Floats | None:
        """Compute the evidence by place [L, h, w] of one input [3, H, W]; None where the network has none.

        Raises:
            InferenceError: The forward pass failed.
        """
        return self._outputs(["evidence"], single[None])[0][0] if self._explains else None

    def _outputs(self, names: list[str], single: Input) -> list[Floats]:
        try:
            found = self._session.run(names, {self._input: single})
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise InferenceError(f"The network failed on this image: {type(error).__name__}.") from error
        return [np.asarray(values, np.float32) for values in found]


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    # One process a core: more threads would fight the neighbour's, and spinning would burn its core between images.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # A fixed batch of one lets the planner reuse buffers; the shape is free in the file for other users of it.
    options.add_free_dimension_override_by_name(BATCH_AXIS, 1)
    # 3: errors only; its warnings about unused initialisers go to stderr past our logging.
    options.log_severity_level = 3
    return options
