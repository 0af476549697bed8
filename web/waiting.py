"""Long polls: waiting for a job on a thread of the server, for a bounded number of threads."""

import threading
from collections.abc import Callable

from flask import g

from common.jobs.finished import FinishedJobs, has_ended
from common.jobs.record import Job
from common.jobs.store import JobStore
from web.stopwatch import Stopwatch


class LongPolls:
    """Hold requests until their job ends, but never so many that none is left to take new images.

    Args:
        slots: Most requests of this process that wait at one time; the next is answered at once.
        max_seconds: Longest wait, whatever is asked for.
    """

    def __init__(self, store: JobStore, finished: FinishedJobs, *, slots: int, max_seconds: float) -> None:
        self._store = store
        self._finished = finished
        self._slots = threading.BoundedSemaphore(slots)
        self._max_seconds = max_seconds

    def get(self, job_id: str, *, wait_seconds: float, until: Callable[[Job], bool] = has_ended) -> tuple[Job, bool]:
        """Read a job once it has ended, or as it stands after the wait.

        Args:
            wait_seconds: Longest wait, which the server's own limit may cut.
            until: What is waited for, where it is not the end.

        Returns:
            The job, and whether it was waited for: False when every slot is taken, so that the asker must pause itself.

        Raises:
            JobNotFoundError: There is no such job, or it was erased meanwhile.
            JobStoreUnavailableError: Redis does not answer.
        """
        seconds = min(wait_seconds, self._max_seconds)
        if seconds <= 0 or not self._slots.acquire(blocking=False):
            return self._store.get(job_id), False
        try:
            with Stopwatch() as waited:
                job = self._finished.wait(job_id, timeout_seconds=seconds, until=until)
        finally:
            self._slots.release()
        # The time that a sender chose to wait is no time that the server took (see web.request_log).
        g.waited_seconds = waited.seconds
        return job, True
