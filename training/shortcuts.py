"""Tests of shortcuts: the same photographs with one giveaway taken from all of them."""

import io
from collections.abc import Callable

from PIL import Image

from common.images import open_upright
from worker.inference.preprocess import fitted_size

# One size and one quality for all: below the size of most files, so that nearly every one is changed.
_EDGE = 256
_QUALITY = 70

_ASPECT = 1.4


def reencoded(data: bytes) -> bytes:
    """Scale to one longer edge and encode at one JPEG quality: original size and JPEG history tell nothing any more."""
    picture = open_upright(data)
    return _jpeg(picture.resize(fitted_size(picture.size, _EDGE), Image.Resampling.BICUBIC), _QUALITY)


def cropped(data: bytes) -> bytes:
    """Cut the middle out at one aspect ratio: framing and letterbox bars tell nothing any more."""
    picture = open_upright(data)
    width = min(picture.width, round(picture.height * _ASPECT))
    height = min(picture.height, round(picture.width / _ASPECT))
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return _jpeg(picture.crop((left, top, left + max(1, width), top + max(1, height))), 95)


def grey_balanced(data: bytes) -> bytes:
    """Scale the channels to one mean each (grey world): the camera's white balance tells nothing any more."""
    picture = open_upright(data)
    means = [max(1.0, channel.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))) for channel in picture.split()]  # type: ignore[type-var]
    grey = sum(means) / 3  # type: ignore[arg-type]
    channels = [
        channel.point([min(255, round(value * grey / mean)) for value in range(256)])  # type: ignore[operator]
        for channel, mean in zip(picture.split(), means, strict=True)
    ]
    return _jpeg(Image.merge("RGB", channels), 95)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "reencoded": reencoded,
    "cropped": cropped,
    "grey_balanced": grey_balanced,
}


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
