"""How many batch jobs the next chunk may carry, so that a person who comes after it was claimed waits little."""

from typing import Final

from common.settings import Settings
from worker.inference import devices

# Where nobody set it: a GPU wants forward passes of 64 and more, and the time of a chunk bounds it all the same.
_MOST_ON_A_GPU: Final = 128

# What an image is held to take before anything is known, and the share that the newest chunk has in what is known.
_FIRST_IMAGE_SECONDS: Final = 0.05
_WEIGHT: Final = 0.5


def most_bulk_jobs(settings: Settings) -> int:
    """Say how many batch jobs a chunk may carry on this device, however quick it is.

    Raises:
        ConfigurationError: The runtime or device that is asked for cannot be had here.
    """
    if "bulk_chunk_size" in settings.model_fields_set:
        return settings.bulk_chunk_size
    _, device = devices.choose(settings.runtime, settings.device)
    return _MOST_ON_A_GPU if device == "cuda" else settings.bulk_chunk_size


class BulkChunkSize:
    """Follow the time an image takes here, and give the size of a chunk that takes the time wished for.

    A chunk in hand is not interrupted: its length is the wait of a single job that comes just after it. What an
    image costs differs a hundredfold (a small JPEG on a GPU, 20 MB of HEIC on a busy core), so no fixed number fits.
    """

    def __init__(self, *, seconds: float, most: int) -> None:
        """Start small.

        Args:
            seconds: Time that a chunk should take.
            most: Jobs that a chunk never exceeds, however quick.
        """
        self._seconds = seconds
        self._most = most
        self._image_seconds = _FIRST_IMAGE_SECONDS

    def get(self) -> int:
        """Give the number of batch jobs for the next chunk, at least one."""
        return max(1, min(self._most, int(self._seconds / self._image_seconds + 1e-9)))

    def note(self, jobs: int, seconds: float) -> None:
        """Take in what a chunk of `jobs` took from claim to report."""
        spent = max(seconds, 1e-6) / jobs
        self._image_seconds += _WEIGHT * (spent - self._image_seconds)
