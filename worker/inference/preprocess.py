"""From an upright picture to the network's input, for serving and for training alike, with Pillow and numpy alone."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.manifest import Preprocessing

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

# Above this factor Pillow first shrinks by whole pixels, which nobody can tell from the filter alone (its documentation
# calls 3.0 indistinguishable from fair resampling) and which makes 12-megapixel PNGs several times cheaper.
_REDUCING_GAP = 3.0


def preprocess(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Scale a picture into the network's square and normalise it.

    Args:
        image: Upright 8-bit RGB picture.
        preprocessing: The version's preprocessing.

    Returns:
        float32 [3, H, W], (value - mean) / std on the 0-255 scale.
    """
    return normalise(letterbox(image, preprocessing), preprocessing)


def letterbox(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Scale a picture to fit the network's square, centred on the padding colour.

    Returns:
        uint8 [H, W, 3].
    """
    size = preprocessing.input_size
    width, height = fitted_size(image.size, size)
    if image.size != (width, height):
        image = image.resize((width, height), _FILTERS[preprocessing.interpolation], reducing_gap=_REDUCING_GAP)
    square = np.empty((size, size, 3), dtype=np.uint8)
    # Row by row: repeating three numbers over the square took numpy as long as decoding a photograph.
    square[:] = np.tile(np.array(preprocessing.padding, dtype=np.uint8), (size, 1))
    left, top = (size - width) // 2, (size - height) // 2
    square[top : top + height, left : left + width] = np.asarray(image)
    return square


def fitted_size(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """Scale width and height so that the longer one is `edge`; neither falls below one pixel."""
    width, height = size
    longer = max(width, height)
    return max(1, round(width * edge / longer)), max(1, round(height * edge / longer))


def normalise(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Turn pixels into the network's input.

    Args:
        pixels: uint8 [H, W, 3].
        preprocessing: The version's preprocessing.

    Returns:
        float32 [3, H, W].
    """
    mean = np.array(preprocessing.mean, dtype=np.float32).reshape(3, 1, 1)
    factor = 1 / np.array(preprocessing.std, dtype=np.float32).reshape(3, 1, 1)
    result = np.empty((3, *pixels.shape[:2]), dtype=np.float32)
    np.subtract(pixels.transpose(2, 0, 1), mean, out=result)
    result *= factor
    return result
