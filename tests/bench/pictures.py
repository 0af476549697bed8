"""What the bench classifies: real photographs, always the same ones in the same order."""

import shutil
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from PIL import Image

from tests.fixtures.images import REAL_PHOTOS, encode_image

_ORIGINALS = REAL_PHOTOS.parent / "originals"

# What a phone or camera stores: everything from 5 megapixels.
_PHONE_PIXELS = 5_000_000


def photographs() -> list[Path]:
    """The photographs of the data set whose longer edge is 512 pixels; none where there is no data set."""
    return [path for path in sorted(REAL_PHOTOS.glob("*/*.jpg")) if _longer_edge(path) == 512]


def originals() -> list[Path]:
    """Full-size JPEGs as phones and cameras wrote them, 5 to 10 megapixels."""
    return [path for path in sorted(_ORIGINALS.glob("*.[jJ][pP]*[gG]")) if _pixels(path) >= _PHONE_PIXELS]


def fill(folder: Path, pictures: list[Path], count: int) -> Path:
    """Copy pictures into a new folder until it holds so many, one after the other and again from the first."""
    folder.mkdir(parents=True)
    for number, path in enumerate(islice(cycle(pictures), count)):
        shutil.copyfile(path, folder / f"{number:05}{path.suffix.lower()}")
    return folder


def make(folder: Path, kind: str, count: int) -> Path:
    """Make a folder of `photographs` or `originals`; synthetic pictures where neither is at hand."""
    found = photographs() if kind == "photographs" else originals()
    return fill(folder, found or list(_synthetic(folder.with_name(f"{folder.name}-made"))), count)


def _synthetic(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "made.jpg"
    path.write_bytes(encode_image(width=512, height=341))
    yield path


def _longer_edge(path: Path) -> int:
    with Image.open(path) as image:
        return max(image.size)


def _pixels(path: Path) -> int:
    with Image.open(path) as image:
        return image.width * image.height if image.format == "JPEG" else 0
