"""The data set's pictures in memory, decoded once: epochs then cost augmentation and arithmetic alone."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import ImageRejectedError
from common.images import open_upright
from training.dataset import Dataset, Sample
from training.progress import track
from worker.inference.preprocess import fitted_size

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Loaded:
    """Pictures in memory beside what could not be read.

    Attributes:
        samples: The readable samples.
        pixels: uint8 [H, W, 3] of each, in the same order.
        broken: File and reason of each unreadable one.
    """

    samples: list[Sample]
    pixels: list[Pixels]
    broken: list[tuple[str, str]]


def load_pixels(root: Path, samples: Sequence[Sample], *, longest_edge: int) -> Loaded:
    """Decode pictures, scaled down where they are larger than asked.

    Args:
        root: Folder of the data set.
        samples: What to decode.
        longest_edge: Bound of the longer edge in pixels; smaller pictures keep their size.
    """

    def read(sample: Sample) -> Pixels | ImageRejectedError:
        try:
            return _read(root / sample.file, longest_edge)
        except ImageRejectedError as error:
            return error

    result = Loaded([], [], [])
    # Pillow decodes without the interpreter's lock.
    with ThreadPoolExecutor(2) as pool:
        for sample, outcome in zip(samples, track(pool.map(read, samples), "decoding", len(samples)), strict=True):
            if isinstance(outcome, ImageRejectedError):
                result.broken.append((sample.file, outcome.message))
            else:
                result.samples.append(sample)
                result.pixels.append(outcome)
    return result


def readable(dataset: Dataset) -> tuple[Dataset, list[tuple[str, str]]]:
    """Leave out the images that cannot be decoded; give them with the reason."""
    samples = track(dataset.samples, "checking images", len(dataset.samples))
    reasons = {sample.file: why_unreadable(dataset.root / sample.file) for sample in samples}
    kept = [sample for sample in dataset.samples if not reasons[sample.file]]
    return dataset.with_samples(kept), sorted((file, reason) for file, reason in reasons.items() if reason)


def why_unreadable(path: Path) -> str:
    """Say why a file cannot be decoded; empty where it can."""
    try:
        # The smallest DCT scale reads the whole file all the same.
        open_upright(path.read_bytes(), target_edge=1)
    except ImageRejectedError as error:
        return error.message
    except OSError as error:
        return error.strerror or "it cannot be opened"
    return ""


def _read(path: Path, longest_edge: int) -> Pixels:
    picture = open_upright(path.read_bytes(), target_edge=longest_edge)
    if max(picture.size) > longest_edge:
        picture = picture.resize(fitted_size(picture.size, longest_edge), Image.Resampling.BICUBIC)
    return np.asarray(picture)
