"""Accepting many images at once: the steps of `web.submissions`, each taken once for a portion of a batch."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

from common.errors import ImageRejectedError
from common.jobs.record import BatchMembership, IdempotencyKey, NewJob, new_job_ids
from common.jobs.store import JobStore
from common.queues import HINTED_DEPTH, QueueName
from common.settings import Settings
from common.storage import Storage, image_key
from web.filenames import clean_filename
from web.idempotency import idempotency_name
from web.inspection import Inspector
from web.multipart import Upload
from web.publisher import Publisher

# Images that are in memory at one time: as many as come with one request, or those that fill 8 MB and the one after. A
# portion costs two steps of Redis, less than 1 ms; at 32 MB a large archive made web grow by 70 MB.
_PORTION: Final = 64
_PORTION_BYTES: Final = 8 * 1024 * 1024

# Local file header, with which every zip archive begins that has a file in it (APPNOTE 4.3.7).
_ZIP_START: Final = b"PK\x03\x04"
_ARCHIVE_ASTRAY: Final = "This is a zip archive, not an image; send it in field `archive` to add the images in it."


@dataclass(frozen=True)
class AcceptedImage:
    """An image that became a job."""

    id: str
    filename: str


@dataclass(frozen=True)
class RejectedImage:
    """An image that became none, and why."""

    filename: str
    code: str
    message: str


@dataclass
class Addition:
    """What came of the images of one request, each list in the order of sending."""

    accepted: list[AcceptedImage] = field(default_factory=list)
    rejected: list[RejectedImage] = field(default_factory=list)


@dataclass(frozen=True)
class BatchSubmissions:
    """Turn uploads into jobs of a batch."""

    settings: Settings
    store: JobStore
    storage: Storage
    publisher: Publisher
    inspector: Inspector

    def add(self, batch_id: str, uploads: Iterable[Upload], *, idempotency_key: str | None = None) -> Addition:
        """Accept the good images of a request; a bad one is told and costs the others nothing.

        Args:
            uploads: Consumed in portions, so that an archive never is in memory as a whole.
            idempotency_key: As the sender chose it; a repetition answers the first request's jobs.

        Raises:
            BatchNotFoundError: There is no such batch.
            BatchClosedError: The batch takes no more images.
            IdempotencyConflictError: The key was used with other images, or other ones of them were good.
            UnavailableError: Redis or the storage cannot take more now. Portions before that were accepted: the same
                request under the same key completes it.
        """
        addition = Addition()
        for number, (portion, is_last) in enumerate(_portions(uploads)):
            name = idempotency_name(idempotency_key, "batch images", batch_id, str(number)) if idempotency_key else ""
            verdicts = [self._inspected(upload, addition) for upload in portion]
            idempotency = self._idempotency(name, portion, verdicts, is_last=is_last)
            self._add_good(batch_id, list(compress(portion, verdicts)), addition, idempotency=idempotency)
        return addition

    def _add_good(
        self, batch_id: str, good: Sequence[Upload], addition: Addition, *, idempotency: IdempotencyKey | None
    ) -> None:
        if not good and idempotency is None:
            return
        names = [clean_filename(upload.filename, fallback="image") for upload in good]
        ids = new_job_ids(len(good))
        jobs = [NewJob(job_id, QueueName.BULK, name) for job_id, name in zip(ids, names, strict=True)]
        if good:
            self.store.announce_uploads(ids, grace_seconds=self.settings.upload_grace_seconds)
            self.storage.put_new({image_key(job_id): upload.data for job_id, upload in zip(ids, good, strict=True)})
        membership = BatchMembership(batch_id, life_seconds=self.settings.batch_life_seconds)
        # Without a good image too: the key then belongs to this request as to any other.
        # When this is refused the images stay until their announced erasure; so do those of a repetition.
        made = self.store.create(jobs, batch=membership, idempotency=idempotency)
        addition.accepted += [AcceptedImage(job_id, name) for job_id, name in zip(made.job_ids, names, strict=True)]
        if not made.replayed and made.depth <= HINTED_DEPTH:
            chunks = -(-len(jobs) // self.settings.bulk_chunk_size)
            for _ in range(chunks - made.called):
                self.publisher.publish(QueueName.BULK)

    def _inspected(self, upload: Upload, addition: Addition) -> bool:
        """Whether an image is good; a bad one is added to the rejected ones."""
        try:
            self.inspector.inspect(upload)
        except ImageRejectedError as error:
            name = clean_filename(upload.filename, fallback="image")
            message = _ARCHIVE_ASTRAY if upload.data.startswith(_ZIP_START) else error.message
            addition.rejected.append(RejectedImage(name, error.code, message))
            return False
        return True

    def _idempotency(
        self, name: str, portion: Sequence[Upload], verdicts: Sequence[bool], *, is_last: bool
    ) -> IdempotencyKey | None:
        """Give each portion of a request a key of its own, so that a request that broke off can be completed."""
        if not name:
            return None
        # A request that goes on where another one ended is another one, though all they share is the same.
        body = hashlib.sha256(b"end" if is_last else b"more")
        for upload, is_good in zip(portion, verdicts, strict=True):
            body.update(hashlib.sha256(upload.data).digest())
            body.update(hashlib.sha256((upload.filename or "").encode(errors="replace")).digest())
            # The first request's jobs are those of its good images: where the rules have changed and other ones are
            # good now, they cannot answer this request.
            if not is_good:
                body.update(b"refused")
        return IdempotencyKey(name, body.hexdigest(), life_seconds=self.settings.idempotency_hours * 3600)


def _portions(uploads: Iterable[Upload]) -> Iterator[tuple[list[Upload], bool]]:
    """Cut a stream of images into portions that fit into memory, and tell which is the last."""
    stream = iter(uploads)
    following = next(stream, None)
    while following is not None:
        portion: list[Upload] = []
        size = 0
        while following is not None and len(portion) < _PORTION and size < _PORTION_BYTES:
            portion.append(following)
            size += len(following.data)
            following = next(stream, None)
        yield portion, following is None
