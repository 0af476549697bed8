"""Fixtures of training: a made data set, and one thread."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.made_classes import write_class, write_classes


@pytest.fixture(scope="session")
def write_data() -> Callable[[Path], Path]:
    return write_classes


@pytest.fixture
def made_data(tmp_path: Path, write_data: Callable[[Path], Path]) -> Path:
    return write_data(tmp_path / "data")


@pytest.fixture
def add_class() -> Callable[[Path, str, tuple[int, int, int], int], None]:
    return write_class


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parents[3]
