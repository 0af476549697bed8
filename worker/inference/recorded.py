"""The network recorded for a few numbers of images: a replay is one launch where a forward pass is some hundred."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]

# As PyTorch advises: in the first passes libraries choose kernels and take memory, which must not be recorded.
_WARM_UPS = 3


@dataclass(frozen=True)
class Recording:
    """A forward pass between fixed tensors.

    Attributes:
        inputs: To be filled before a replay.
        outputs: Logits and features, overwritten by each replay.
        replay: Computes the outputs anew.
    """

    inputs: Tensor
    outputs: tuple[Tensor, Tensor]
    replay: Callable[[], None]


Recorder = Callable[[Forward, Tensor], Recording]


class RecordedNetwork:
    """Compute batches of any number up to the largest that was recorded; the next larger recording is padded.

    Args:
        forward: From inputs to logits and features.
        example: Inputs on the device, as many as the largest recording takes.
        sizes: Numbers of images to record, rising.
        record: Makes one recording.
    """

    def __init__(self, forward: Forward, example: Tensor, *, sizes: Sequence[int], record: Recorder) -> None:
        self._recordings = {size: record(forward, example[:size].clone()) for size in sizes}

    def __call__(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits and features of a batch."""
        number = len(batch)
        recording = next(found for size, found in self._recordings.items() if size >= number)
        # Further rows keep what an earlier batch left there; nobody reads their answers.
        recording.inputs[:number].copy_(batch)
        recording.replay()
        logits, features = recording.outputs
        return logits[:number].clone(), features[:number].clone()


def record_cuda_graph(forward: Forward, inputs: Tensor) -> Recording:
    """Record a forward pass as a CUDA graph."""
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_WARM_UPS):
            forward(inputs)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = forward(inputs)
    return Recording(inputs, outputs, graph.replay)
