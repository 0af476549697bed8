"""The sweeper: puts right what a crash between two steps left behind, and erases what is past its time."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from structlog import get_logger

from common.errors import StorageUnavailableError, StorageUnreachableError
from common.jobs.batches import BatchStore
from common.jobs.store import JobStore
from common.queues import QueueName
from common.storage import Storage, keys_of

log = get_logger(__name__)

# More hints than any one machine has pool processes; the broker's list stays short whatever the backlog.
_MOST_HINTS: Final = 64

# A storage at a distance takes 20 ms for each file: what is done must be noted before the task's time limit.
_CONFIRMED_TOGETHER: Final = 50
_PUT_OFF_SECONDS: Final = 60.0

# While nobody answers there, each look costs a time-out. Sweeps come every second and before all other work: without a
# rest the processes of a worker would do nothing but wait for the storage.
_REST_SECONDS: Final = 10.0

# Portions of retired records in one sweep: the rest follows in the next, a second later.
_PORTIONS: Final = 10


@dataclass(frozen=True)
class SweepRules:
    """What the sweeper goes by.

    Attributes:
        max_attempts: Attempts after which a job that lost its worker ends as failed.
        retention_hours: Age at which finished jobs are erased.
        chunk_sizes: Jobs that one hint sees done, by queue.
    """

    max_attempts: int
    retention_hours: float
    chunk_sizes: Mapping[QueueName, int]


class Sweeper:
    """Repair the job store and erase old images; any number may run at once, each step being atomic and idempotent."""

    def __init__(self, store: JobStore, batches: BatchStore, storage: Storage, rules: SweepRules) -> None:
        self._store = store
        self._batches = batches
        self._storage = storage
        self._rules = rules
        self._erases_from = -_REST_SECONDS

    def repair(self) -> None:
        """Take jobs back from workers that fell silent, wake postponed ones, complete the closing of batches."""
        done = self._store.repair(max_attempts=self._rules.max_attempts)
        if done.requeued or done.poisoned:
            log.warning("leases_expired", requeued=done.requeued, poisoned=done.poisoned)
        for batch_id in self._batches.closing():
            self._batches.finish_closing(batch_id)

    def missing_hints(self, queue: QueueName, *, waiting: Callable[[QueueName], int]) -> int:
        """Tell how many hints a queue's backlog lacks; a hint may be lost with its publisher or its broker.

        Args:
            waiting: Counts the hints that are in the broker.
        """
        depth = self._store.depth(queue)
        if not depth:
            return 0
        wanted = min(math.ceil(depth / self._rules.chunk_sizes[queue]), _MOST_HINTS)
        return max(0, wanted - waiting(queue))

    def erase(self) -> None:
        """Erase records past retention, then the images and previews that no record owns any more."""
        for _ in range(_PORTIONS):
            if not self._store.retire(retention_hours=self._rules.retention_hours):
                break
        if time.monotonic() < self._erases_from:
            return
        job_ids = self._store.due_erasures()
        try:
            for first in range(0, len(job_ids), _CONFIRMED_TOGETHER):
                self._erase_files(job_ids[first : first + _CONFIRMED_TOGETHER])
        except StorageUnreachableError as error:
            # All that is due stays due.
            self._erases_from = time.monotonic() + _REST_SECONDS
            log.warning("images_not_erased", reason=error.log_reason)

    def _erase_files(self, job_ids: Sequence[str]) -> None:
        """Erase images and previews; one that cannot be erased now is put off, and holds up no other."""
        try:
            self._storage.delete_many([key for job_id in job_ids for key in keys_of(job_id)])
        except StorageUnreachableError:
            raise
        except StorageUnavailableError:
            for job_id in job_ids:
                self._erase_alone(job_id)
        else:
            self._confirm(job_ids)

    def _erase_alone(self, job_id: str) -> None:
        try:
            self._storage.delete_many(keys_of(job_id))
        except StorageUnreachableError:
            # An outage is everybody's: each of the others would wait for a time-out of its own.
            raise
        except StorageUnavailableError as error:
            log.warning("image_not_erased", job_id=job_id, reason=error.log_reason)
            # Not as an upload: of its image, which may be gone, no job may be made any more.
            self._store.announce_derived(job_id, grace_seconds=_PUT_OFF_SECONDS)
            self._store.confirm_erased([job_id])
        else:
            self._confirm([job_id])

    def _confirm(self, job_ids: Sequence[str]) -> None:
        self._store.confirm_erased(job_ids)
        log.info("images_erased", count=len(job_ids))
