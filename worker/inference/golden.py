"""Golden inputs: pictures made from a number alone, so that a version can be checked without an image file.

A golden input of seed s is a grid of 7 x 7 coloured cells. The bytes of sha256(b"dentiq-golden-<s>-0"), -1, -2, ... one
after the other give red, green and blue of the first cell, then of the next, row by row. Each cell is repeated to fill
the network's square (row y shows cell row y * 7 // H) and the picture is normalised as the manifest says. No random
number generator and no resampling filter takes part: every machine makes the same pixels.
"""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from common.manifest import Preprocessing
from worker.inference.preprocess import normalise

_CELLS = 7


def golden_input(seed: int, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Make the golden input of a seed, float32 [3, H, W], normalised."""
    return normalise(golden_pixels(seed, preprocessing), preprocessing)


def golden_pixels(seed: int, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Make the pixels of a golden input, uint8 [H, W, 3]."""
    needed = _CELLS * _CELLS * 3
    blocks = (hashlib.sha256(f"dentiq-golden-{seed}-{index}".encode()).digest() for index in range(needed // 32 + 1))
    cells = np.frombuffer(b"".join(blocks)[:needed], dtype=np.uint8).reshape(_CELLS, _CELLS, 3)
    index = np.arange(preprocessing.input_size) * _CELLS // preprocessing.input_size
    return cells[index][:, index]


def golden_batch(seeds: Iterable[int], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Stack golden inputs to float32 [N, 3, H, W]."""
    return np.stack([golden_input(seed, preprocessing) for seed in seeds])
