"""A chunk is as long as a person may wait, whatever an image costs."""

import pytest

from common.settings import Settings
from worker.chunk_size import BulkChunkSize, most_bulk_jobs
from worker.inference import devices


def settled(image_seconds: float, *, seconds: float = 0.2, most: int = 32, chunks: int = 12) -> BulkChunkSize:
    """Give a size that has seen some chunks of equal images."""
    size = BulkChunkSize(seconds=seconds, most=most)
    for _ in range(chunks):
        size.note(size.get(), size.get() * image_seconds)
    return size


@pytest.mark.parametrize(("image_seconds", "jobs"), [(0.0199, 10), (0.0001, 32), (0.06, 3), (1.0, 1), (30.0, 1)])
def test_a_chunk_takes_the_time_wished_for(image_seconds: float, jobs: int) -> None:
    """Large images come few at a time, small ones up to the limit, and never none."""
    assert settled(image_seconds).get() == jobs


def test_the_first_chunk_is_small_and_never_over_the_limit() -> None:
    """Nothing is known of the first images."""
    assert BulkChunkSize(seconds=0.2, most=32).get() == 4
    assert BulkChunkSize(seconds=0.2, most=2).get() == 2


@pytest.mark.parametrize(
    ("gpu", "given", "most"), [(False, {}, 32), (True, {}, 128), (True, {"DENTIQ_BULK_CHUNK_SIZE": "32"}, 32)]
)
def test_a_gpu_gets_larger_chunks_unless_somebody_set_them(
    monkeypatch: pytest.MonkeyPatch, *, gpu: bool, given: dict[str, str], most: int
) -> None:
    """What was set is kept, also where it is the number that a CPU has by default."""
    monkeypatch.setattr(devices, "cuda_is_usable", lambda: gpu)
    assert most_bulk_jobs(Settings.from_env(given)) == most


def test_slow_images_after_quick_ones_are_met_within_two_chunks() -> None:
    """A folder of thumbnails that ends in photographs of 12 megapixels makes nobody wait for long."""
    size = settled(0.001)
    for _ in range(2):
        size.note(size.get(), size.get() * 0.1)
    assert size.get() <= 3
