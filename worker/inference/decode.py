"""From a file's bytes to the network's input."""

from common.errors import ImageRejectedError
from common.images import ImageLimits, inspect_image, open_upright
from common.manifest import Preprocessing
from worker.inference.preprocess import letterbox, normalise
from worker.inference.runtime import Floats, Pixels
from worker.inference.time_limit import decoding_limited

# What a worker decodes at most, whatever the web let through: 120 megapixels are 360 MB of RGB, and a JPEG of that size
# costs a fraction of it thanks to the DCT scaling.
DECODE_LIMITS = ImageLimits(max_bytes=128_000_000, max_pixels=120_000_000, min_edge=1)

# A JPEG has at least a byte for 170 pixels, so one of this size no more than 11 million; looking at a header costs a
# tenth of a millisecond, which most photographs are spared.
_SMALL_JPEG_BYTES = 64_000


def decode(data: bytes, preprocessing: Preprocessing, limits: ImageLimits = DECODE_LIMITS) -> Floats:
    """Decode an image file into one input of the network, float32 [3, H, W], normalised: see `decode_pixels`."""
    return normalise(decode_pixels(data, preprocessing, limits), preprocessing)


def decode_pixels(data: bytes, preprocessing: Preprocessing, limits: ImageLimits = DECODE_LIMITS) -> Pixels:
    """Decode an image file into the network's square.

    Args:
        data: The whole file.
        preprocessing: The version's preprocessing.
        limits: Bounds on what is decoded.

    Returns:
        uint8 [H, W, 3].

    Raises:
        ImageRejectedError: One of its subclasses, by what is wrong.
    """
    with decoding_limited():
        picture = open_upright(data, target_edge=preprocessing.decode_edge, limits=limits)
        return letterbox(picture, preprocessing)


def pixels_held(data: bytes) -> int:
    """Tell by its header how many pixels the decoding of a file may hold; 0 for few, and for what is refused."""
    if len(data) <= _SMALL_JPEG_BYTES and data.startswith(b"\xff\xd8\xff"):
        return 0
    try:
        info = inspect_image(data, DECODE_LIMITS)
    except ImageRejectedError:
        return 0
    return info.width * info.height
