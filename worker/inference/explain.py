"""Heat maps: where in the picture the evidence for a label lies."""

import io

import numpy as np
from PIL import Image

from common.images import ImageLimits, open_upright
from common.manifest import Preprocessing
from worker.inference.preprocess import fitted_size
from worker.inference.runtime import Floats

_QUALITY = 85

# The picture stays recognisable under the hottest colour.
_OPACITY = 0.55

# Black, purple, red, orange, yellow: brighter means more, also without colour vision (matplotlib's "inferno").
_COLOURS = np.array(
    [(0, 0, 4), (50, 10, 94), (120, 28, 109), (187, 55, 84), (237, 105, 37), (251, 180, 26), (252, 255, 164)],
    np.float32,
)


def heat(evidence: Floats, size: tuple[int, int], preprocessing: Preprocessing) -> Floats:
    """Cut the letterbox off a label's evidence and scale it to the picture.

    Args:
        evidence: float32 [h, w] over the network's square.
        size: Width and height of the picture to cover.
        preprocessing: Says where the picture lay in the square.

    Returns:
        float32 [height, width], 0 (no evidence for the label) to 1 (the strongest place).
    """
    edge = preprocessing.input_size
    square = Image.fromarray(np.maximum(evidence, 0)).resize((edge, edge), Image.Resampling.BICUBIC)
    width, height = fitted_size(size, edge)
    left, top = (edge - width) // 2, (edge - height) // 2
    inside = square.crop((left, top, left + width, top + height)).resize(size, Image.Resampling.BILINEAR)
    values = np.maximum(np.asarray(inside, dtype=np.float32), 0)
    strongest = float(values.max())
    return values if strongest <= 0 else (values / strongest).astype(np.float32)


def overlay(
    data: bytes, evidence: Floats, preprocessing: Preprocessing, *, max_edge: int, limits: ImageLimits
) -> bytes:
    """Draw a label's evidence over a picture.

    Args:
        data: The whole image file.
        evidence: float32 [h, w] over the network's square.
        preprocessing: Says where the picture lay in the square.
        max_edge: Longest edge of the result in pixels.
        limits: Bounds on what is decoded.

    Returns:
        A JPEG without metadata.

    Raises:
        ImageRejectedError: The picture cannot be decoded.
    """
    picture = open_upright(data, target_edge=max_edge, limits=limits)
    picture.thumbnail((max_edge, max_edge), Image.Resampling.BICUBIC)
    strength = heat(evidence, picture.size, preprocessing)
    places = strength * (len(_COLOURS) - 1)
    lower = np.minimum(places.astype(int), len(_COLOURS) - 2)
    share = (places - lower)[..., None]
    colours = _COLOURS[lower] * (1 - share) + _COLOURS[lower + 1] * share
    opacity = (_OPACITY * strength)[..., None]
    mixed = np.asarray(picture, dtype=np.float32) * (1 - opacity) + colours * opacity
    buffer = io.BytesIO()
    Image.fromarray(mixed.astype(np.uint8)).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
