"""Made data sets: plain colours and stripes, so that a tiny network learns them in seconds."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

Draw = Callable[[int], Image.Image]


def _noisy(colour: tuple[int, int, int]) -> Draw:
    def draw(number: int) -> Image.Image:
        generator = np.random.default_rng(number)
        noise = generator.integers(-25, 25, (48, 64, 3))
        return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))

    return draw


CLASSES: dict[str, Draw] = {
    "amber": _noisy((220, 160, 30)),
    "blue": _noisy((30, 60, 220)),
    "grass": _noisy((40, 180, 50)),
}


def write_class(root: Path, label: str, draw: Draw, count: int) -> None:
    folder = root / label
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        buffer = io.BytesIO()
        draw(number).save(buffer, "JPEG", quality=90)
        (folder / f"{number:03d}.jpg").write_bytes(buffer.getvalue())


@pytest.fixture(scope="session")
def write_data() -> Callable[[Path], Path]:
    def write(root: Path) -> Path:
        for label, draw in CLASSES.items():
            write_class(root, label, draw, 14)
        return root

    return write


@pytest.fixture
def made_data(tmp_path: Path, write_data: Callable[[Path], Path]) -> Path:
    return write_data(tmp_path / "data")


@pytest.fixture
def add_class() -> Callable[[Path, str, tuple[int, int, int], int], None]:
    def add(root: Path, label: str, colour: tuple[int, int, int], count: int) -> None:
        write_class(root, label, _noisy(colour), count)

    return add


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parents[3]
