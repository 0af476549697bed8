"""What a runtime is: anything that turns inputs into logits and features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# What a runtime takes of one image: float32 [3, H, W] normalised, or uint8 [H, W, 3] where it normalises itself.
Input = Floats | Pixels


@dataclass(frozen=True)
class NetworkOutput:
    """What the network computes for N inputs.

    Attributes:
        logits: float32 [N, L], in label order.
        features: float32 [N, D], the pooled features before the head.
    """

    logits: Floats
    features: Floats


class Runtime(Protocol):
    """Run one network.

    Attributes:
        name: `onnx` or `torch`.
        device: `cpu` or `cuda`.
        normalises: Whether it takes pixels and normalises them itself.
        tolerance: Largest difference of a probability from float32 torch that is no fault.
    """

    name: str
    device: str
    normalises: bool
    tolerance: float

    def run(self, batch: Sequence[Input]) -> NetworkOutput:
        """Compute a batch of at least one input."""
        ...

    def evidence(self, single: Input) -> Floats | None:
        """Compute the evidence by place [L, h, w] of one input; None where the network has none."""
        ...
