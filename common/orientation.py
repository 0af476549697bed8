"""EXIF orientation: read from the raw block without Pillow's full parser, and applied.

Pillow's parser walks every tag and warns or raises on damaged ones; a photograph must not fail over its metadata, and
one tag is all that is needed.
"""

import struct

from PIL import Image

_ORIENTATION_TAG = 0x0112
_SHORT = 3
_EXIF_HEADER = b"Exif\x00\x00"

# Exif 2.32, tag 0x0112: what turns the stored picture upright.
_TRANSPOSE_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright_transpose(image: Image.Image, exif: object) -> Image.Image:
    """Turn an image upright.

    Args:
        image: The stored picture.
        exif: The raw EXIF block of the file, or anything else where there is none.
    """
    method = _TRANSPOSE_BY_ORIENTATION.get(read_orientation(exif) if isinstance(exif, bytes) else 1)
    return image if method is None else image.transpose(method)


def read_orientation(exif: bytes) -> int:
    """Read the orientation tag of a raw EXIF block.

    Args:
        exif: The block, with or without its `Exif` header.

    Returns:
        1 to 8; 1 (stored upright) where the block is damaged or says nothing.
    """
    tiff = exif.removeprefix(_EXIF_HEADER)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first_directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, first_directory)
        for index in range(entries):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, first_directory + 2 + 12 * index)
            if tag == _ORIENTATION_TAG and kind == _SHORT and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1
