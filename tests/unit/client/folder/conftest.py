"""A folder as people have them: images, bad ones among them, and what is no image."""

import os
from pathlib import Path

import pytest

IMAGE = b"\xff\xd8\xff image "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """150 images, two of them bad, and what is no image; all long there, so that a watcher takes them at once."""
    root = tmp_path / "in"
    for number in range(150):
        file = root / f"{number % 3}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(IMAGE + str(number).encode())
    (root / "0" / "0.jpg").write_bytes(IMAGE + b"broken")
    (root / "1" / "1.jpg").write_bytes(IMAGE + b"bad")
    (root / "text.jpg").write_text("this is no image")
    for file in root.rglob("*.jpg"):
        os.utime(file, (0, 0))
    return root
