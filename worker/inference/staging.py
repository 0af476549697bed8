"""The way of pixels to the device: one page-locked buffer that is filled again and again, and arithmetic over there."""

from collections.abc import Sequence

import torch
from torch import Tensor

from common.manifest import Preprocessing
from worker.inference.runtime import Input


class Staging:
    """Bring pixels to the device as the network's input.

    As bytes they are a quarter of what they are as float32; the same two operations on the same float32 numbers as in
    `worker.inference.preprocess.normalise` give bit for bit its result.

    Args:
        preprocessing: Gives the edge of the square, mean and deviation.
        images: How many the buffer holds.
        device: `cpu` or `cuda`.
    """

    def __init__(self, preprocessing: Preprocessing, *, images: int, device: str) -> None:
        edge = preprocessing.input_size
        on_card = device == "cuda"
        self._device = device
        # From page-locked memory alone a card fetches by itself; to lock pages anew each time costs more than the copy.
        self._buffer = torch.empty((images, edge, edge, 3), dtype=torch.uint8, pin_memory=on_card)
        self._squares = self._buffer.numpy()
        self._fetched = torch.cuda.Event() if on_card else None  # type: ignore[no-untyped-call]
        self._mean = torch.tensor(preprocessing.mean, dtype=torch.float32, device=device)
        self._factor = 1 / torch.tensor(preprocessing.std, dtype=torch.float32, device=device)

    def load(self, portion: Sequence[Input]) -> Tensor:
        """Bring pixels over without waiting for their arrival.

        Args:
            portion: uint8 [H, W, 3] each, no more than the buffer holds.

        Returns:
            float32 [N, 3, H, W], normalised, channels last, on the device.
        """
        if self._fetched is not None:
            # What the buffer held before may still be on its way.
            self._fetched.synchronize()
        for place, pixels in enumerate(portion):
            self._squares[place] = pixels
        arrived = self._buffer[: len(portion)].to(self._device, non_blocking=True)
        if self._fetched is not None:
            self._fetched.record()
        # Rows of pixels, seen as planes, are what torch calls channels last.
        return ((arrived.float() - self._mean) * self._factor).permute(0, 3, 1, 2)
