"""The torch runtime: safetensors weights, on a GPU in half precision or on one CPU thread in float32."""

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from common.errors import InferenceError, ModelInvalidError
from common.manifest import Manifest
from worker.inference.networks import Network, build
from worker.inference.runtime import Floats, NetworkOutput

WEIGHTS_FILE = "model.safetensors"


class TorchRuntime:
    """Run `model.safetensors`.

    Args:
        folder: Folder of the model version.
        manifest: Its manifest.
        device: `cpu` or `cuda`.

    Raises:
        ModelInvalidError: The weights do not fit the architecture of the manifest.
    """

    name = "torch"

    def __init__(self, folder: Path, manifest: Manifest, device: str) -> None:
        self.device = device
        self._network = load_network(folder, manifest).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if device == "cpu":
            # One process a core; torch's own threads would fight the neighbour's.
            torch.set_num_threads(1)
            self._half: torch.dtype | None = None
            self.tolerance = 1e-3
        else:
            # bfloat16 keeps the range of float32; processors without it have float16.
            self._half = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
            # Eight bits of mantissa through some fifty layers.
            self.tolerance = 3e-2

    def run(self, batch: Floats) -> NetworkOutput:
        """Compute a batch float32 [N, 3, H, W] in one forward pass.

        Raises:
            InferenceError: The forward pass failed.
        """
        try:
            return self._forward(batch)
        except RuntimeError as error:
            raise InferenceError(f"The network failed on this image: {type(error).__name__}.") from error

    def evidence(self, single: Floats) -> Floats | None:
        """Compute the evidence by place [L, h, w] of one input [3, H, W]; None where the network has none."""
        inputs = torch.from_numpy(single[None]).to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode():
            found = self._network.evidence(inputs)
        return None if found is None else np.asarray(found[0].float().cpu().numpy())

    def _forward(self, batch: Floats) -> NetworkOutput:
        inputs = torch.from_numpy(batch).to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(self.device, dtype=self._half, enabled=self._half is not None):
            logits, features = self._network(inputs)
        return NetworkOutput(
            logits=np.asarray(logits.float().cpu().numpy()), features=np.asarray(features.float().cpu().numpy())
        )


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


def _single(value: torch.Tensor) -> torch.Tensor:
    return value.float() if value.is_floating_point() else value
