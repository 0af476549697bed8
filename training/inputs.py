"""Network inputs, made by the serving path."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from common.errors import ImageRejectedError
from common.manifest import Preprocessing
from training.errors import UnreadableImageError
from training.pixels import Loaded
from worker.inference.decode import decode
from worker.inference.preprocess import preprocess


def stacked_inputs(loaded: Loaded, preprocessing: Preprocessing) -> Tensor:
    """Preprocess pictures in memory.

    Returns:
        float32 [N, 3, H, W].
    """
    pictures = map(Image.fromarray, loaded.pixels)
    return torch.from_numpy(np.stack([preprocess(picture, preprocessing) for picture in pictures]))


def served_inputs(
    paths: Iterable[Path], preprocessing: Preprocessing, change: Callable[[bytes], bytes] | None = None
) -> Iterator[NDArray[np.float32]]:
    """Decode and preprocess files exactly as a worker does, one after the other.

    Args:
        paths: Files.
        preprocessing: Of the network.
        change: Made to each file's bytes first.

    Yields:
        float32 [3, H, W] each.

    Raises:
        UnreadableImageError: A file that could be read when it was split no longer can.
    """
    for path in paths:
        data = path.read_bytes()
        try:
            yield decode(change(data) if change else data, preprocessing)
        except ImageRejectedError as error:
            raise UnreadableImageError(f"{path}: {error.message} Mend it or take it away, and split anew.") from error
