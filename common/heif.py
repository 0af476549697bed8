"""Opening HEIC pictures, as iPhones take them: told from AVIF by their brands, decoded by libheif on one thread."""

import io
from typing import Final

import pillow_heif.options
from pillow_heif import HeifImageFile

# Brands of an `ftyp` box (ISO/IEC 23008-12, annex B): pictures and sequences coded with HEVC, then the structural ones
# that say nothing of the codec, then those of AVIF (AV1 in the same container).
_HEVC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_STRUCTURAL: Final = frozenset({b"mif1", b"mif2", b"msf1"})
_AV1: Final = frozenset({b"avif", b"avis"})

# An `ftyp` box names a dozen brands at most; a longer one is somebody's trick.
_LONGEST_BOX: Final = 256


def is_heic(data: bytes) -> bool:
    """Whether a file says by its first box that it is a HEIC picture."""
    brands = _brands(data)
    return bool(brands) and (brands[0] in _HEVC or (brands[0] in _STRUCTURAL and not _AV1 & {*brands}))


def is_avif(data: bytes) -> bool:
    """Whether a file says by its first box that it is an AVIF picture."""
    return bool(_AV1 & {*_brands(data)}) and not is_heic(data)


def open_heic(file: io.BytesIO) -> HeifImageFile:
    """Read the header of a HEIC picture; its pixels are decoded when they are asked for.

    The picture comes upright: libheif turns it, and the plugin takes the orientation out of its EXIF block.
    """
    # Workers run one process a core; libheif's own bounds on memory stay in force.
    pillow_heif.options.DECODE_THREADS = 1
    return HeifImageFile(file)  # type: ignore[no-untyped-call]


def _brands(data: bytes) -> list[bytes]:
    """List the brands of a file's `ftyp` box, the major one first; none where there is no such box."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), _LONGEST_BOX, len(data))
    # Between the major brand and the compatible ones stand 4 bytes of version.
    return [data[8:12], *(data[start : start + 4] for start in range(16, end - 3, 4))]
