"""Made data sets: noisy plain colours, so that a tiny network learns them in seconds."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

Colour = tuple[int, int, int]

CLASSES: dict[str, Colour] = {"amber": (220, 160, 30), "blue": (30, 60, 220), "grass": (40, 180, 50)}


def write_class(root: Path, label: str, colour: Colour, count: int) -> None:
    """Write a folder of images of one class."""
    folder = root / label
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        noise = np.random.default_rng(number).integers(-25, 25, (48, 64, 3))
        buffer = io.BytesIO()
        Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
        (folder / f"{number:03d}.jpg").write_bytes(buffer.getvalue())


def write_classes(root: Path) -> Path:
    """Write a data set of three classes."""
    for label, colour in CLASSES.items():
        write_class(root, label, colour, 14)
    return root
