"""How much work a picture makes beside its pixels: few bytes can ask a decoder for hours."""

import re
from typing import Final

from PIL.ImageFile import ImageFile

from common.errors import ImageTooComplexError

# Each scan of a progressive JPEG passes over the whole picture, and one of 75 bytes takes 45 ms of 49 million pixels:
# 20 MB of them would take three hours. Encoders write 1 to 12, a picture within its EXIF block or a second one as many.
MAX_SCANS: Final = 64
_SCAN: Final = b"\xff\xda"

_START_BYTES: Final = 2
_END: Final = 0xD9
_START: Final = 0xD8
# What stands below has no length. A decoder that finds it among pixels passes it alone and takes the next scan for one:
# scans that a length seemed to cover would go uncounted.
_FIRST_WITH_LENGTH: Final = 0xC0
# Within the coded pixels a byte of 0xff is followed by 0 or by a restart mark; before a mark it may stand repeatedly.
_MARK: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# A picture of 64 scans has a few tables before each.
_MAX_SEGMENTS: Final = 10_000

# Pillow reads run-length encoded BMPs in Python, 0.65 s a megabyte. They hold drawings, if they are met at all.
MAX_RUN_LENGTH_BYTES: Final = 4_000_000
_RUN_LENGTH_CODEC: Final = "bmp_rle"


def require_bounded_effort(image: ImageFile, data: bytes) -> None:
    """Refuse a picture that would keep a decoder busy for longer than its size explains.

    Args:
        image: Opened, not decoded.
        data: The whole file.

    Raises:
        ImageTooComplexError: It would.
    """
    # Counting is quick and mostly enough; telephones put films behind their pictures, whose bytes count too.
    if image.format in {"JPEG", "MPO"} and data.count(_SCAN) > MAX_SCANS and _has_many_scans(data):
        raise ImageTooComplexError(
            f"The JPEG is built of more than {MAX_SCANS} scans; no more are read. Export it again as a plain JPEG."
        )
    run_length = any(tile.codec_name == _RUN_LENGTH_CODEC for tile in image.tile)
    if run_length and len(data) > MAX_RUN_LENGTH_BYTES:
        raise ImageTooComplexError(
            f"The BMP is run-length encoded and has {len(data) / 1e6:.1f} MB; up to "
            f"{MAX_RUN_LENGTH_BYTES / 1e6:.1f} MB are read. Export it as JPEG or PNG."
        )


def _has_many_scans(data: bytes) -> bool:
    """Walk from segment to segment of a JPEG up to the end of its picture (ITU T.81, B.1.1)."""
    scans = segments = 0
    place = _START_BYTES
    while found := _MARK.search(data, place):
        mark, place = data[found.end() - 1], found.end()
        segments += 1
        scans += mark == _SCAN[1]
        if scans > MAX_SCANS or segments > _MAX_SEGMENTS:
            return True
        if mark == _END:
            return False
        if mark >= _FIRST_WITH_LENGTH and mark != _START:
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
    return False
