"""Whether a file is an image, by its first bytes; the server looks closer."""

from pathlib import Path
from typing import Final

_STARTS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_LENGTH: Final = 12

# HEIC and AVIF, as telephones store photographs: brands of ISO/IEC 14496-12.
_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})


def is_image(path: Path) -> bool:
    """Look at the beginning of a file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return looks_like_image(file.read(_LENGTH))


def looks_like_image(start: bytes) -> bool:
    """Tell an image by its first twelve bytes."""
    if start[4:8] == b"ftyp":
        return start[8:12] in _BRANDS
    return start.startswith(_STARTS) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
