"""Corrections: what readers say that photographs show, kept in the records of their jobs and listed for training."""

from dataclasses import dataclass
from typing import Any, Final

import redis

from common.errors import CorrectionInvalidError, JobNotFoundError, ResultMissingError, UnavailableError
from common.jobs import keys
from common.jobs.record import NOT_DENTAL_LABEL, OTHER_LABEL, Job, JobStatus, Outcome
from common.jobs.scripts import Scripts
from common.jobs.store import JobStore
from common.redis_client import redis_errors_translated

# Below any of them: they are instants in microseconds.
_BEGINNING: Final = 0

_NO_JOB: Final = "There is no job {!r}: it never was, was erased, or is past its retention."
_NO_RESULT: Final = "This job has no result that could be corrected; ask again once it has succeeded."


@dataclass(frozen=True)
class CorrectedPage:
    """A part of the jobs that are or were corrected, in the order of their first corrections.

    Attributes:
        jobs: As they stand, without those that were erased meanwhile.
        cursor: Where to go on; None at the end.
    """

    jobs: tuple[Job, ...]
    cursor: int | None


class CorrectionRegister:
    """Store, withdraw and list corrections.

    Every method raises `JobStoreUnavailableError` when Redis does not answer or refuses writes.
    """

    def __init__(self, client: redis.Redis, store: JobStore) -> None:
        self._redis = client
        self._store = store
        self._scripts = Scripts(client)

    def labels(self) -> list[str]:
        """List what a correction may say."""
        return list(dict.fromkeys([*self._store.known_labels(), OTHER_LABEL, NOT_DENTAL_LABEL]))

    def confirm(self, job_id: str) -> None:
        """Store that the model is right; doing it again changes nothing.

        Raises:
            JobNotFoundError: There is no such job.
            ResultMissingError: It has no result.
            CorrectionInvalidError: The model gave no answer that could be right.
            UnavailableError: What it said cannot be read now.
        """
        job = self._answered(job_id)
        if job.said_label is None:
            raise CorrectionInvalidError(
                "This result is uncertain and names nothing that could be right; send a label."
            )
        self._store_label(job, job.said_label)

    def correct(self, job_id: str, label: str) -> None:
        """Store what a photograph shows, whatever the model said; doing it again changes nothing.

        Raises:
            JobNotFoundError: There is no such job.
            ResultMissingError: It has no result.
            CorrectionInvalidError: There is no such label.
            UnavailableError: What the model said cannot be read now.
        """
        job = self._answered(job_id)
        known = self.labels()
        if label not in known:
            raise CorrectionInvalidError(f"There is no label {label[:80]!r}; there are: {', '.join(known)}.")
        self._store_label(job, label)

    def withdraw(self, job_id: str) -> None:
        """Take the correction of a job back; without one nothing happens.

        Raises:
            JobNotFoundError: There is no such job.
        """
        with redis_errors_translated():
            if not self._scripts.call("withdraw_correction", job_id):
                raise JobNotFoundError(_NO_JOB.format(job_id))

    def page(self, *, cursor: int = _BEGINNING, count: int, withdrawn: bool = False) -> CorrectedPage:
        """List corrected jobs, as fast at the end as at the beginning.

        Args:
            cursor: From the page before; 0 at the beginning.
            count: Most of them.
            withdrawn: Whether to list as well those whose correction was taken back.
        """
        with redis_errors_translated():
            found: Any = self._redis.zrange(
                keys.CORRECTIONS, f"({cursor}", "+inf", byscore=True, offset=0, num=count, withscores=True
            )
        jobs = self._store.read_many([job_id for job_id, _ in found])
        following = int(float(found[-1][1])) if len(found) == count else None
        listed = (job for job in jobs if job is not None and (withdrawn or job.correction is not None))
        return CorrectedPage(tuple(listed), following)

    def _answered(self, job_id: str) -> Job:
        job = self._store.get(job_id)
        if job.status is not JobStatus.SUCCEEDED:
            raise ResultMissingError(_NO_RESULT)
        if job.said_label is None and job.outcome is not Outcome.UNCERTAIN:
            # Labels that a replaced Redis lacks come back with the next heartbeat of a worker.
            raise UnavailableError("The labels of this result are not known at the moment; try again in a minute.")
        return job

    def _store_label(self, job: Job, label: str) -> None:
        # A result never changes: what it was a moment ago it is still, unless the job is gone.
        with redis_errors_translated():
            verdict = self._scripts.call("correct", job.id, label, job.verdict_of(label).value)
        if verdict == "no_job":
            raise JobNotFoundError(_NO_JOB.format(job.id))
