"""What a runtime is: anything that turns inputs into logits and features."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


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
        tolerance: Largest difference of a probability from float32 torch that is no fault.
    """

    name: str
    device: str
    tolerance: float

    def run(self, batch: Floats) -> NetworkOutput:
        """Compute a batch float32 [N, 3, H, W]."""
        ...

    def evidence(self, single: Floats) -> Floats | None:
        """Compute the evidence by place [L, h, w] of one input [3, H, W]; None where the network has none."""
        ...
