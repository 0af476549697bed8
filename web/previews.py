"""Previews: small upright copies of the images without their metadata, made on first request and kept."""

from contextlib import suppress

import structlog

from common.errors import JobNotFoundError, StoredImageMissingError, UnavailableError
from common.images import encode_preview
from common.jobs.store import JobStore
from common.storage import Storage, image_key, preview_key

# Sharp on a phone (3 pixels a point) and on half of a desktop screen; about 100 kB.
MAX_EDGE = 1024

_log = structlog.get_logger(__name__)


class Previews:
    """Make and keep previews."""

    def __init__(self, store: JobStore, storage: Storage) -> None:
        self._store = store
        self._storage = storage

    def get(self, job_id: str) -> bytes:
        """Give a job's preview as JPEG.

        Raises:
            JobNotFoundError: There is no such job, or it was erased meanwhile.
            ImageRejectedError: The accepted image cannot be decoded.
            UnavailableError: Redis or the storage does not answer.
        """
        self._store.get(job_id)
        with suppress(StoredImageMissingError):
            return self._storage.get(preview_key(job_id))
        try:
            data = self._storage.get(image_key(job_id))
        except StoredImageMissingError:
            # Erased between the two looks: then the job is gone too, and this says so.
            self._store.get(job_id)
            raise
        preview = encode_preview(data, max_edge=MAX_EDGE)
        self._keep(job_id, preview)
        return preview

    def _keep(self, job_id: str, preview: bytes) -> None:
        try:
            self._storage.put(preview_key(job_id), preview)
        except UnavailableError as error:
            _log.warning("preview_not_kept", job_id=job_id, reason=str(error))
            return
        # An erasure that ran meanwhile did not see this file: whoever writes last looks again.
        try:
            self._store.get(job_id)
        except JobNotFoundError:
            self._storage.delete(preview_key(job_id))
            raise
