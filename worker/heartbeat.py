"""The heartbeat of one pool process: while it beats, its leases hold and it counts as alive."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from structlog import get_logger

from common.errors import JobStoreUnavailableError
from common.jobs.record import Claim, WorkerInfo
from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister

log = get_logger(__name__)

# Three beats may be missed (a busy core, a slow Redis) before a lease ends.
_BEATS_PER_LEASE = 4


class Heartbeat:
    """Renew the leases of the chunk in hand, and the worker's entry in the register, from a thread of its own.

    Args:
        lease_seconds: Life of a lease, and of the entry in the register.
    """

    def __init__(self, store: JobStore, register: WorkerRegister, *, lease_seconds: float) -> None:
        self._store = store
        self._register = register
        self._lease_seconds = lease_seconds
        self._served: tuple[WorkerInfo, tuple[str, ...]] | None = None
        self._claims: tuple[Claim, ...] = ()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def serve(self, worker: WorkerInfo, labels: Sequence[str]) -> None:
        """Say from now on that this worker holds this model; begin to beat, at once.

        Args:
            labels: Those of its model version. They are written with each beat, so that results can be read on a Redis
                that was replaced meanwhile.
        """
        self._served = (worker, tuple(labels))
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        """End the beat and take the worker off the register."""
        self._stopped.set()
        if self._served is None:
            return
        self._thread.join(timeout=self._lease_seconds)
        try:
            self._register.leave(self._served[0].name)
        except JobStoreUnavailableError as error:
            log.warning("register_not_left", reason=error.log_reason)

    @contextmanager
    def holding(self, claims: Sequence[Claim]) -> Iterator[None]:
        """Keep these leases alive inside the block."""
        self._claims = tuple(claims)
        try:
            yield
        finally:
            self._claims = ()

    def _run(self) -> None:
        while True:
            self._beat()
            if self._stopped.wait(self._lease_seconds / _BEATS_PER_LEASE):
                return

    def _beat(self) -> None:
        try:
            if claims := self._claims:
                self._store.renew(claims, lease_seconds=self._lease_seconds)
            if self._served:
                worker, labels = self._served
                self._store.register_labels(worker.model_version, labels)
                self._register.renew(worker, life_seconds=self._lease_seconds)
        except JobStoreUnavailableError as error:
            log.warning("heartbeat_missed", reason=error.log_reason)
        except Exception:  # a thread that ended would leave a process at work whose leases nobody renews
            log.exception("heartbeat_failed")
