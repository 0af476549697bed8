"""The torch runtime: safetensors weights, on a GPU in half precision or on one CPU thread in float32."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from common.errors import InferenceError, ModelInvalidError
from common.manifest import Manifest
from worker.inference.networks import Network, build
from worker.inference.recorded import Forward, RecordedNetwork, Recorder
from worker.inference.runtime import Floats, Input, NetworkOutput
from worker.inference.staging import Staging

WEIGHTS_FILE = "model.safetensors"

# Images of one forward pass. Larger ones would fill a card no better, and of a chunk of 128 the second half is put into
# the buffer while the first is computed.
_PORTION: Final = 64

# Numbers of images that are recorded, where that is asked for: a photograph alone, an interactive chunk, a portion.
_RECORDED: Final = (1, 8, _PORTION)


class TorchRuntime:
    """Run `model.safetensors`.

    Args:
        folder: Folder of the model version.
        manifest: Its manifest.
        device: `cpu` or `cuda`.
        half: Half precision to compute in; None for the device's own: float16 on a GPU, none on a CPU.
        record: Records the forward passes, which are then replayed; None: each is launched anew.

    Raises:
        ModelInvalidError: The weights do not fit the architecture of the manifest, the device has no room for the
            network, or it cannot be recorded.
    """

    name = "torch"
    normalises = True

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        device: str,
        *,
        half: torch.dtype | None = None,
        record: Recorder | None = None,
    ) -> None:
        self.device = device
        network = load_network(folder, manifest)
        try:
            self._network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._staging = Staging(manifest.preprocessing, images=_PORTION, device=device)
        except RuntimeError as error:
            raise ModelInvalidError(f"Model version {folder.name!r} cannot be brought to {device}: {error}") from error
        if device == "cpu":
            # One process a core; torch's own threads would fight the neighbour's.
            torch.set_num_threads(1)
        else:
            # The eight bits of bfloat16 move probabilities by up to 0.09 (docs/performance.md), three times what is
            # promised; the eleven of float16 by 0.003. What leaves its range is computed once more in float32.
            half = half or torch.float16
        self._half = half
        self.tolerance = 3e-2 if half else 1e-3
        self._compute: Forward = self._launch if record is None else self._recorded(record, manifest)

    def run(self, batch: Sequence[Input]) -> NetworkOutput:
        """Compute inputs uint8 [H, W, 3], a portion of them in one forward pass.

        Raises:
            InferenceError: The forward pass failed.
        """
        try:
            output = self._forward(batch, self._compute)
            return output if self._half is None else self._with_exact_rows(batch, output)
        except RuntimeError as error:
            raise InferenceError(f"The network failed on this image: {type(error).__name__}.") from error

    def evidence(self, single: Input) -> Floats | None:
        """Compute the evidence by place [L, h, w] of one input; None where the network has none."""
        with torch.inference_mode():
            found = self._network.evidence(self._staging.load([single]))
        return None if found is None else np.asarray(found[0].float().cpu().numpy())

    def _with_exact_rows(self, batch: Sequence[Input], output: NetworkOutput) -> NetworkOutput:
        """Replace the rows that left the range of half precision by those of float32."""
        beyond = np.unique(np.nonzero(~np.isfinite(np.hstack([output.logits, output.features])))[0])
        if beyond.size:
            exact = self._forward([batch[index] for index in beyond], self._network)
            output.logits[beyond], output.features[beyond] = exact.logits, exact.features
        return output

    def _forward(self, batch: Sequence[Input], compute: Forward) -> NetworkOutput:
        remaining = iter(batch)
        parts: list[tuple[Tensor, Tensor]] = []
        with torch.inference_mode():
            # A card computes one portion while the next one is put into the buffer; only the answers are waited for.
            while portion := list(islice(remaining, _PORTION)):
                parts.append(compute(self._staging.load(portion)))
            logits, features = (torch.cat(rows).float().cpu().numpy() for rows in zip(*parts, strict=True))
        return NetworkOutput(logits=logits, features=features)

    def _launch(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        # Without its cache autocast casts the weights in each pass, as a recording must.
        half = self._half is not None
        with torch.autocast(self.device, dtype=self._half, enabled=half, cache_enabled=False):
            logits, features = self._network(inputs)
        return logits, features

    def _recorded(self, record: Recorder, manifest: Manifest) -> RecordedNetwork:
        edge = manifest.preprocessing.input_size
        blank = np.zeros((edge, edge, 3), np.uint8)
        try:
            with torch.inference_mode():
                example = self._staging.load([blank] * _PORTION)
                return RecordedNetwork(self._launch, example, sizes=_RECORDED, record=record)
        except RuntimeError as error:
            # The one to bear it is the version: that which serves goes on, and this one is tried again later.
            raise ModelInvalidError(
                f"The network cannot be recorded on this device: {error} Choose DENTIQ_RUNTIME=torch."
            ) from error


def load_network(folder: Path, manifest: Manifest) -> Network:
    """Load the network of a version in float32, in evaluation mode, on the CPU.

    Raises:
        ModelInvalidError: The weights do not fit the architecture of the manifest.
    """
    network = build(manifest.architecture, len(manifest.labels))
    try:
        weights = load_file(folder / WEIGHTS_FILE)
        network.load_state_dict({name: _single(value) for name, value in weights.items()})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ModelInvalidError(f"{WEIGHTS_FILE} of model version {folder.name!r} cannot be loaded: {error}") from error
    return network.eval()


def _single(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value
