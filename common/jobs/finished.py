"""Waiting for jobs to end: one subscription a process wakes every thread that waits for one."""

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import redis

from common.jobs import keys
from common.jobs.record import Job
from common.jobs.store import JobStore

# A message lost while Redis was away costs a waiter at most this long: it looks for itself then.
_LOOK_ANYWAY_SECONDS = 1.0
# While there is no subscription yet (the first wait of a process, Redis just back) looking is all there is.
_LOOK_UNSUBSCRIBED_SECONDS = 0.05


def has_ended(job: Job) -> bool:
    """Whether a job has reached a terminal status."""
    return job.status.is_terminal


class FinishedJobs:
    """Let threads wait until a job has ended.

    The listener thread starts with the first wait, so that a process that forks (gunicorn) may build this before.
    """

    def __init__(self, client: redis.Redis, store: JobStore) -> None:
        self._redis = client
        self._store = store
        self._lock = threading.Lock()
        self._waiting: dict[str, list[threading.Event]] = defaultdict(list)
        self._listener: threading.Thread | None = None
        self._subscribed = threading.Event()
        self._closed = False

    def close(self) -> None:
        """End the listener, so that its client can be closed: nobody may take the socket away while it reads."""
        with self._lock:
            self._closed, listener = True, self._listener
        if listener is None:
            return
        # Wakes it; one that is not subscribed, or whose Redis is away, looks after a second.
        with contextlib.suppress(redis.RedisError):
            self._redis.publish(keys.FINISHED_CHANNEL, "")
        listener.join()

    def wait(self, job_id: str, *, timeout_seconds: float, until: Callable[[Job], bool] = has_ended) -> Job:
        """Return the job as soon as it has ended, or as it stands when the time is over.

        Args:
            until: What is waited for, where it is not the end.

        Raises:
            JobNotFoundError: There is no such job, or it was erased meanwhile.
            JobStoreUnavailableError: Redis does not answer.
        """
        deadline = monotonic() + timeout_seconds
        event = threading.Event()
        with self._registered(job_id, event):
            while True:
                job = self._store.get(job_id)
                left = deadline - monotonic()
                if until(job) or left <= 0:
                    return job
                pause = _LOOK_ANYWAY_SECONDS if self._subscribed.is_set() else _LOOK_UNSUBSCRIBED_SECONDS
                event.wait(min(left, pause))
                event.clear()

    @contextlib.contextmanager
    def _registered(self, job_id: str, event: threading.Event) -> Iterator[None]:
        with self._lock:
            self._waiting[job_id].append(event)
            if self._listener is None or not self._listener.is_alive():
                self._listener = threading.Thread(target=self._listen, name="finished-jobs", daemon=True)
                self._listener.start()
        try:
            yield
        finally:
            with self._lock:
                self._waiting[job_id].remove(event)
                if not self._waiting[job_id]:
                    del self._waiting[job_id]

    def _listen(self) -> None:
        """Wake waiters until Redis goes away; the next wait starts a new listener."""
        pubsub: Any = self._redis.pubsub
        try:
            with contextlib.suppress(redis.RedisError, OSError), pubsub(ignore_subscribe_messages=True) as channel:
                channel.subscribe(keys.FINISHED_CHANNEL)
                # get_message with a timeout, not listen(): the socket timeout of the pool would end an idle listener.
                # The first one returns when Redis has confirmed the subscription.
                while not self._closed:
                    message = channel.get_message(timeout=_LOOK_ANYWAY_SECONDS)
                    self._subscribed.set()
                    if message is not None:
                        self._wake(message["data"].split())
        finally:
            self._subscribed.clear()

    def _wake(self, job_ids: list[str]) -> None:
        with self._lock:
            for job_id in job_ids:
                for event in self._waiting.get(job_id, ()):
                    event.set()
