"""Previews: small upright copies of the images without their metadata, made on first request and kept."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from common.errors import JobNotFoundError, StoredImageMissingError, UnavailableError
from common.images import encode_preview, encode_whole
from common.jobs.store import JobStore
from common.storage import Storage, image_key, preview_key, thumbnail_key


@dataclass(frozen=True)
class Size:
    """One size of copies.

    Attributes:
        max_edge: Longest edge in pixels.
        key: Names the copy of a job in the storage.
    """

    max_edge: int
    key: Callable[[str], str]


# Sharp on a phone (3 pixels a point) and on half of a desktop screen; about 100 kB.
PREVIEW: Final = Size(1024, preview_key)

# A tile of a batch's page, of which there are dozens: sharp at 2 pixels a point; about 15 kB.
THUMBNAIL: Final = Size(384, thumbnail_key)

# Pictures that a process decodes at one time: one of 50 million pixels that is no JPEG takes 220 to 610 MB meanwhile,
# and a page of a batch asks for dozens. A JPEG is decoded scaled down, in 30 ms.
_AT_ONCE: Final = 1

# A request that would wait longer holds one of the threads that take new images; its page shows no picture instead.
_LONGEST_WAIT_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


class Previews:
    """Make and keep previews.

    Args:
        grace_seconds: When the sweeper looks for a preview that this process could not see through to the end.
    """

    def __init__(self, store: JobStore, storage: Storage, *, grace_seconds: float) -> None:
        self._store = store
        self._storage = storage
        self._grace_seconds = grace_seconds
        self._decoding = threading.BoundedSemaphore(_AT_ONCE)

    def get(self, job_id: str, size: Size = PREVIEW) -> bytes:
        """Give a job's preview as JPEG.

        Raises:
            JobNotFoundError: There is no such job, or it was erased meanwhile.
            ImageRejectedError: The accepted image cannot be decoded.
            UnavailableError: Redis or the storage does not answer, or too many previews are being made.
        """
        self._store.get(job_id)
        kept = self._kept(job_id, size)
        if kept is not None:
            return kept
        with self._turn():
            # Whoever was first may have made this one.
            return self._kept(job_id, size) or self._make(job_id, size)

    def whole(self, job_id: str) -> bytes:
        """Give a job's picture in full size as JPEG, made anew each time; raises as `get` does."""
        self._store.get(job_id)
        with self._turn():
            return encode_whole(self._original(job_id))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._decoding.acquire(timeout=_LONGEST_WAIT_SECONDS):
            raise UnavailableError("Too many previews are being made; try again in a few seconds.")
        try:
            yield
        finally:
            self._decoding.release()

    def _kept(self, job_id: str, size: Size) -> bytes | None:
        with suppress(StoredImageMissingError):
            return self._storage.get(size.key(job_id))
        return None

    def _make(self, job_id: str, size: Size) -> bytes:
        preview = encode_preview(self._original(job_id), max_edge=size.max_edge)
        self._keep(job_id, size, preview)
        return preview

    def _original(self, job_id: str) -> bytes:
        try:
            return self._storage.get(image_key(job_id))
        except StoredImageMissingError:
            # Erased between the two looks: then the job is gone too, and this says so.
            self._store.get(job_id)
            raise

    def _keep(self, job_id: str, size: Size, preview: bytes) -> None:
        try:
            # Should this process die before it looks again; the sweeper passes over what a record owns.
            self._store.announce_derived(job_id, grace_seconds=self._grace_seconds)
            self._storage.put(size.key(job_id), preview)
        except UnavailableError as error:
            _log.warning("preview_not_kept", job_id=job_id, reason=error.log_reason)
            return
        # An erasure that ran meanwhile did not see this file: whoever writes last looks again.
        try:
            self._store.get(job_id)
        except (JobNotFoundError, UnavailableError):
            # Without an answer nobody knows: a preview can be made again, an erased picture must not stay.
            self._storage.delete(size.key(job_id))
            raise
