"""Accepting an image: the steps from bytes to a durable job, in the one order in which a crash loses nothing."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from common.errors import IdempotencyConflictError, JobNotFoundError, UnavailableError
from common.jobs.record import Accepted, IdempotencyKey, Job, JobStatus, NewJob, new_job_id
from common.jobs.store import JobStore
from common.queues import HINTED_DEPTH, QueueName
from common.settings import Settings
from common.storage import Storage, image_key
from web.filenames import clean_filename
from web.idempotency import idempotency_name
from web.inspection import Inspector
from web.multipart import Upload
from web.publisher import Publisher
from web.webhooks import webhook_for


@dataclass(frozen=True)
class Submissions:
    """Turn uploads into jobs."""

    settings: Settings
    store: JobStore
    storage: Storage
    publisher: Publisher
    inspector: Inspector

    def submit(self, upload: Upload, *, idempotency_key: str | None = None, webhook_url: str | None = None) -> Job:
        """Accept one image for a person who waits; when this returns, the job survives a crash of any part.

        Args:
            idempotency_key: As the sender chose it; a repetition answers the first request's job.
            webhook_url: Who is told of the job's end, where the sender names somebody.

        Raises:
            ImageRejectedError: The bytes are no image that dentiq accepts.
            WebhookUrlError, WebhooksDisabledError: Nobody can be told there.
            IdempotencyConflictError: The key was used with another image, file name or webhook.
            UnavailableError: Redis or the storage cannot take it now. Where Redis broke off on the way there may be a
                job all the same: a repetition under the same key finds it or makes it.
        """
        receiver = webhook_for(webhook_url, self.settings)
        info = self.inspector.inspect(upload)
        job_id = new_job_id()
        filename = clean_filename(upload.filename, fallback=f"image.{info.format.lower()}")
        # From here on the sweeper erases the image unless a record comes to own it; Redis down ends it before a byte
        # is stored.
        self.store.announce_uploads([job_id], grace_seconds=self.settings.upload_grace_seconds)
        self.storage.put_new({image_key(job_id): upload.data})
        job = NewJob(id=job_id, queue=QueueName.INTERACTIVE, filename=filename)
        idempotency = self._idempotency(idempotency_key, upload, webhook_url)
        # The client library sends again what Redis did not answer: a repetition may be of this very request.
        while job_id not in (accepted := self._create(job, idempotency, receiver)).job_ids:
            # Where the first request's job is erased before it is read, its key counts as unused: it is asked anew.
            with suppress(JobNotFoundError):
                first = self.store.get(accepted.job_ids[0])
                self._discard(job_id)
                return first
        if not accepted.called and accepted.depth <= HINTED_DEPTH:
            self.publisher.publish(job.queue)
        # Not read back: the job is durable, and a Redis that goes away now must not tell its sender otherwise.
        return Job(
            id=job.id,
            status=JobStatus.QUEUED,
            queue=job.queue,
            filename=job.filename,
            attempts=0,
            submitted_at=accepted.submitted_at,
            position=accepted.depth,
        )

    def _create(self, job: NewJob, idempotency: IdempotencyKey | None, receiver: str) -> Accepted:
        # After a connection error the record may exist all the same: the image stays, the sweeper decides by then.
        try:
            return self.store.create([job], idempotency=idempotency, webhook_url=receiver)
        except IdempotencyConflictError:
            self._discard(job.id)
            raise

    def _idempotency(self, key: str | None, upload: Upload, webhook_url: str | None) -> IdempotencyKey | None:
        if not key:
            return None
        return IdempotencyKey(
            key=idempotency_name(key, "jobs"),
            body_digest=_digest(
                upload.data, (upload.filename or "").encode(errors="replace"), (webhook_url or "").encode()
            ),
            life_seconds=self.settings.idempotency_hours * 3600,
        )

    def _discard(self, job_id: str) -> None:
        """Erase an image that no job will own; if that fails now, its announced erasure does it later."""
        with suppress(UnavailableError):
            self.storage.delete(image_key(job_id))
            self.store.confirm_erased([job_id])


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    # The lengths keep apart what concatenation would mix.
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
