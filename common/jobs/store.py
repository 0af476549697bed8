"""The job store: every record and every transition of a job, the truth that Celery messages only hint at."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import redis

from common.durability import Durability
from common.errors import JobNotFoundError, PoisonJobError
from common.jobs import codec, keys
from common.jobs.record import (
    Accepted,
    BatchMembership,
    Claim,
    Failure,
    IdempotencyKey,
    Job,
    NewJob,
    Repair,
    Success,
)
from common.jobs.refusals import raise_refusal
from common.jobs.scripts import Scripts
from common.queues import QueueName

# One call of a maintenance script holds Redis for about 10 us a job.
_PORTION: Final = 500


class JobStore:
    """Read and change jobs in Redis.

    Every transition is one script: it takes effect once or not at all, and the counters move with it. Every method
    raises `JobStoreUnavailableError` when Redis does not answer or refuses writes; `create` and `claim` raise
    `UnsafeRedisError` on a Redis that would drop jobs.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._scripts = Scripts(client)
        self._labels: dict[str, tuple[str, ...]] = {}
        self._durability = Durability(client)

    # Submission

    def announce_uploads(self, job_ids: Sequence[str], *, grace_seconds: float) -> None:
        """Note images that are about to be stored, so that the sweeper erases those that no job comes to own.

        Raises:
            UnsafeRedisError: This Redis might forget them.
        """
        with self._durability.watched():
            self._durability.require()
            self._scripts.call("announce_files", _microseconds(grace_seconds), "uploads", *job_ids)

    def announce_derived(self, job_id: str, *, grace_seconds: float) -> None:
        """Note that a preview or heat map is about to be stored, so that it goes if its job is erased meanwhile.

        The note outlives that erasure: the file may come when it has been carried out.
        """
        with self._durability.watched():
            self._scripts.call("announce_files", _microseconds(grace_seconds), "derived", job_id)

    def create(
        self,
        jobs: Sequence[NewJob],
        *,
        batch: BatchMembership | None = None,
        idempotency: IdempotencyKey | None = None,
        webhook_url: str = "",
    ) -> Accepted:
        """Make records of stored images and queue them, all or none.

        Each was announced before it was stored; where that announcement is over, nothing is made and no key used.

        Args:
            jobs: All of one queue. None make nothing; the key is used all the same, and the batch looked at.
            batch: The batch that they join.
            idempotency: Given again with the same digest, it makes nothing and answers the first request's jobs.
            webhook_url: Who is told of the end of jobs without a batch; nobody if empty.

        Raises:
            IdempotencyConflictError: The key was used with another digest.
            BatchNotFoundError: There is no such batch.
            BatchClosedError: The batch takes no more images.
            UnavailableError: The images were announced too long ago: the sweeper may have erased them.
        """
        (queue,) = {job.queue for job in jobs} or {QueueName.BULK}
        membership = (batch.batch_id, int(batch.life_seconds)) if batch else ("", 0)
        fields = [value for job in jobs for value in (job.id, job.filename)]
        with self._durability.watched():
            self._durability.require()
            verdict, depth, now, called, *job_ids = self._scripts.call(
                "create", *codec.encode_idempotency(idempotency), queue.value, *membership, webhook_url, *fields
            )
        raise_refusal(verdict)
        submitted_at = codec.decode_instant(now)
        return Accepted(tuple(job_ids), verdict == "replayed", depth, submitted_at, called)

    # Reading

    def get(self, job_id: str) -> Job:
        """Read one job.

        Raises:
            JobNotFoundError: There is no such job: never made, erased, or past its retention.
        """
        (job,) = self.read_many([job_id])
        if job is None:
            raise JobNotFoundError(f"There is no job {job_id!r}: it never was, was erased, or is past its retention.")
        return job

    def read_many(self, job_ids: Sequence[str]) -> list[Job | None]:
        """Read jobs in one round trip; None stands for a job that there is not."""
        with self._durability.watched():
            # A script, since the place in the queue belongs to the record, and one answer is cheaper to read than six.
            rows = self._scripts.call("read", *job_ids)
            return [self._decode(job_id, row) for job_id, row in zip(job_ids, rows, strict=True)]

    def _decode(self, job_id: str, row: Sequence[Any]) -> Job | None:
        if not row:
            return None
        record: dict[str, str] = dict(zip(row[0:-1:2], row[1:-1:2], strict=True))
        position = None if row[-1] < 0 else int(row[-1]) + 1
        return codec.decode_job(job_id, record, labels=self._labels_of(record.get("version")), position=position)

    def depth(self, queue: QueueName) -> int:
        """Count the jobs that wait in a queue."""
        with self._durability.watched():
            return int(self._redis.zcard(keys.QUEUE + queue.value))

    def running(self) -> int:
        """Count the jobs that workers hold."""
        with self._durability.watched():
            return int(self._redis.zcard(keys.RUNNING))

    def counts(self) -> Mapping[str, int]:
        """Read the totals since the store was made: `submitted`, terminal statuses, `label <version> <label>`, ..."""
        with self._durability.watched():
            counts: Any = self._redis.hgetall(keys.COUNTS)
        return {name: int(count) for name, count in counts.items()}

    # Work

    def claim(
        self, limits: Mapping[QueueName, int], *, lease_seconds: float, process: str = "", wait_seconds: float = 0
    ) -> list[Claim]:
        """Lease the longest waiting jobs of the first queue that has any.

        Args:
            limits: Most jobs for each queue, in the order in which the queues are drained.
            process: Name of the process that would wait where there is nothing; see `common.jobs.idle`.
            wait_seconds: How long it would; 0 if it would not.

        Returns:
            The chunk to work on; empty when nothing waits. A job that failed before comes alone.
        """
        arguments = [value for queue, limit in limits.items() for value in (queue.value, limit)]
        # The client library sends a script again when its answer is lost: the token makes that the same claim.
        token = secrets.token_hex(8)
        with self._durability.watched():
            self._durability.require()
            flat = self._scripts.call(
                "claim", token, _microseconds(lease_seconds), process, _microseconds(wait_seconds), *arguments
            )
        rows = (flat[start : start + 5] for start in range(0, len(flat), 5))
        return [
            Claim(job_id, int(attempt), QueueName(queue), (int(claimed) - int(submitted)) / codec.MICROSECONDS)
            for job_id, attempt, submitted, claimed, queue in rows
        ]

    def renew(self, claims: Sequence[Claim], *, lease_seconds: float) -> int:
        """Prolong leases; return how many are still held."""
        arguments = [value for claim in claims for value in (claim.job_id, claim.attempt)]
        with self._durability.watched():
            return int(self._scripts.call("renew", _microseconds(lease_seconds), *arguments))

    def finish(self, reports: Sequence[Success | Failure]) -> list[bool]:
        """Write results; tell for each whether it counts, or was refused because the lease had been taken over."""
        arguments = [
            value
            for report in reports
            for value in (codec.encode_success(report) if isinstance(report, Success) else codec.encode_failure(report))
        ]
        with self._durability.watched():
            return [bool(written) for written in self._scripts.call("finish", *arguments)]

    def postpone(
        self, failures: Sequence[Failure], *, max_attempts: int, delay_seconds: float, spare_hours: float = 0
    ) -> None:
        """Give jobs back after a fault that can pass; on the last allowed attempt they fail with that fault.

        Args:
            spare_hours: The attempt does not count while a job is younger than this: the fault is none of its own.
        """
        arguments = [
            value
            for failure in failures
            for value in (failure.claim.job_id, failure.claim.attempt, failure.code, failure.message)
        ]
        with self._durability.watched():
            patience = _microseconds(spare_hours * 3600)
            self._scripts.call("postpone", max_attempts, _microseconds(delay_seconds), patience, *arguments)

    # Repair and erasure

    def repair(self, *, max_attempts: int) -> Repair:
        """Take jobs back from silent workers and wake postponed ones; a portion at a time."""
        with self._durability.watched():
            requeued, poisoned, woken = self._scripts.call(
                "repair",
                max_attempts,
                PoisonJobError.code,
                f"The job stopped its worker, or outlived its lease, on each of {max_attempts} attempts.",
                _PORTION,
            )
        return Repair(requeued, poisoned, woken)

    def erase(self, job_id: str) -> None:
        """Cancel a job that has not ended and erase its record; its image is due for erasure from then on.

        Raises:
            JobNotFoundError: There is no such job.
        """
        with self._durability.watched():
            if not self._scripts.call("erase", job_id):
                raise JobNotFoundError(f"There is no job {job_id!r} to erase.")

    def retire(self, *, retention_hours: float) -> int:
        """Erase records past retention, a portion of them; return how many hours or portions remain to look at."""
        with self._durability.watched():
            _, more = self._scripts.call("retire", retention_hours, _PORTION)
        return int(more)

    def due_erasures(self) -> list[str]:
        """List ids of stored files that no record owns and whose time has come; a portion of them."""
        with self._durability.watched():
            return list(self._scripts.call("due_erasures", _PORTION))

    def confirm_erased(self, job_ids: Sequence[str]) -> None:
        """Forget erasures that have been carried out."""
        with self._durability.watched():
            self._redis.zrem(keys.ERASURES, *job_ids)

    # Labels of model versions

    def register_labels(self, version: str, labels: Sequence[str]) -> None:
        """Keep a version's labels, so that its results can be read for as long as they are kept."""
        with self._durability.watched():
            self._redis.hset(keys.LABELS, version, orjson.dumps(list(labels)))

    def known_labels(self) -> list[str]:
        """List every label of every version that has served, those of one version in its order."""
        with self._durability.watched():
            versions: Any = self._redis.hgetall(keys.LABELS)
        return list(dict.fromkeys(label for version in sorted(versions) for label in orjson.loads(versions[version])))

    def _labels_of(self, version: str | None) -> tuple[str, ...]:
        if version is None:
            return ()
        labels = self._labels.get(version) or tuple(orjson.loads(self._redis.hget(keys.LABELS, version) or "[]"))
        # Labels that are missing (a Redis that was replaced) come back with the next heartbeat of a worker.
        if labels:
            self._labels[version] = labels
        return labels


def _microseconds(seconds: float) -> int:
    return round(seconds * codec.MICROSECONDS)
