"""How much work a picture makes beside its pixels: few bytes can ask a decoder for hours."""

from typing import Final

from PIL.ImageFile import ImageFile

from common.errors import ImageTooComplexError

# Each scan of a progressive JPEG passes over the whole picture, and one of 75 bytes takes 45 ms of 49 million pixels:
# 20 MB of them would take three hours. Encoders write 1 to 12, a picture within its EXIF block or a second one as many.
MAX_SCANS: Final = 64
_SCAN: Final = b"\xff\xda"

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
    if image.format in {"JPEG", "MPO"}:
        # Within the coded pixels a byte of 0xff is always followed by 0 or by a restart mark.
        scans = data.count(_SCAN)
        if scans > MAX_SCANS:
            raise ImageTooComplexError(
                f"The JPEG is built of {scans} scans; up to {MAX_SCANS} are read. Export it again as a plain JPEG."
            )
    run_length = any(tile.codec_name == _RUN_LENGTH_CODEC for tile in image.tile)
    if run_length and len(data) > MAX_RUN_LENGTH_BYTES:
        raise ImageTooComplexError(
            f"The BMP is run-length encoded and has {len(data) / 1e6:.1f} MB; up to "
            f"{MAX_RUN_LENGTH_BYTES / 1e6:.1f} MB are read. Export it as JPEG or PNG."
        )
