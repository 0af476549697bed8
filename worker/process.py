"""What one process of the pool holds from its start to its end: connections, the model, the heartbeat."""

import os
import time
from collections.abc import Sequence
from typing import Final

from kombu.exceptions import OperationalError
from structlog import get_logger

from common.errors import (
    JobStoreUnavailableError,
    ModelInvalidError,
    UnavailableError,
    UnsafeRedisError,
)
from common.jobs.batches import BatchStore
from common.jobs.explanations import ExplanationRegister
from common.jobs.idle import Call
from common.jobs.record import Claim
from common.jobs.shadows import ShadowRegister
from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister
from common.messages import ExplanationRequest, WorkHint
from common.queues import QueueName
from common.redis_client import connect
from common.settings import Settings
from common.storage import Storage
from worker.chunk_size import BulkChunkSize, most_bulk_jobs
from worker.heartbeat import Heartbeat
from worker.hints import Hints
from worker.idling import Idling
from worker.metrics import WorkerMetrics
from worker.serving import Serving, ServingModel, Surroundings, process_name
from worker.stop_sign import StopSign
from worker.sweeper import Sweeper, SweepRules

log = get_logger(__name__)

# One message of Celery is worth this much work: long enough that its cost of 2 ms vanishes, short enough that a
# stopping worker, or the sweeper waiting for one, never waits longer.
_WORK_SECONDS: Final = 1.5


class PoolProcess:
    """Carry out the tasks of one pool process. It is made before the fork and started after it."""

    def __init__(self, settings: Settings, hints: Hints) -> None:
        self._settings = settings
        self._hints = hints
        # Shared with the parent, which sets it.
        self.stopping = StopSign()

    def start(self) -> None:
        """Connect and load the model; a model that cannot be loaded is tried again later.

        Raises:
            ConfigurationError: The storage or the device cannot be had.
        """
        settings = self._settings
        # After the fork: a parent that has asked CUDA for its devices has children that cannot use them.
        most = most_bulk_jobs(settings)
        self._limits = {QueueName.INTERACTIVE: settings.interactive_chunk_size, QueueName.BULK: most}
        # Made after the fork: its files carry the number of this process.
        self._metrics = WorkerMetrics()
        client = self._client = connect(
            settings.effective_job_store_url,
            timeout_seconds=settings.redis_timeout_seconds,
            max_connections=4,  # the work and the heartbeat
        )
        self._bulk_size = BulkChunkSize(seconds=settings.bulk_chunk_seconds, most=most)
        self._store = JobStore(client)
        self._idling = Idling(settings, process_name())
        self._register = WorkerRegister(client)
        storage = self._storage = Storage(settings.effective_storage_url, fsync=settings.storage_fsync, s3=settings.s3)
        rules = SweepRules(settings.max_attempts, settings.retention_hours, self._limits)
        self._sweeper = Sweeper(self._store, BatchStore(client), storage, rules)
        self._heartbeat = Heartbeat(self._store, self._register, lease_seconds=settings.lease_seconds)
        self._model = ServingModel(
            Surroundings(
                settings,
                self._store,
                storage,
                ExplanationRegister(client),
                ShadowRegister(client),
                self._metrics,
                self._heartbeat,
            )
        )
        self._model.get()

    def stop(self) -> None:
        """Leave the register, then Redis."""
        self._heartbeat.stop()
        self._client.close()
        self._idling.close()

    def drain(self, hint: WorkHint) -> None:
        """Work through waiting jobs for a while; whoever waits longest comes first, whatever the hint says.

        While none waits, wait for the next one. A worker that stops ends the chunk in hand and leaves what waits, with
        its hint, to others.
        """
        self._drain(hint.queue, began=time.monotonic(), answers=True)

    def _drain(self, queue: QueueName, *, began: float, answers: bool) -> None:
        """Work and wait.

        Args:
            queue: Of the hint that this process leaves to others when it stops.
            began: Instant at which the task began.
            answers: Whether jobs may wait for this process: it took a hint, was called, or has found some.
        """
        may_wait = True
        try:
            while serving := self._model.get():
                if self.stopping.is_set():
                    self._hints.send(queue, int(answers))
                    return
                if self._storage.is_away():
                    # Nothing is claimed that cannot be read. The sweeper's hints have this asked again each second.
                    log.warning("drain_interrupted", queue=queue.value, reason="the storage is out of reach")
                    return
                wait_seconds = self._idling.left(time.monotonic() - began) if may_wait else 0.0
                claims = self._claim(wait_seconds)
                if not claims:
                    if not wait_seconds:
                        return
                    call = self._idling.wait(wait_seconds)
                    # Who is wanted elsewhere looks once more, for it was noted as idle until now.
                    answers, may_wait = call is Call.JOBS, call is not Call.TASK
                    continue
                answers = may_wait = True
                self._work_on(claims, serving)
                if time.monotonic() >= began + _WORK_SECONDS:
                    self._hints.send(claims[0].queue)
                    return
        except (JobStoreUnavailableError, UnsafeRedisError) as error:
            log.warning("drain_interrupted", queue=queue.value, reason=error.log_reason)

    def _claim(self, wait_seconds: float) -> list[Claim]:
        return self._store.claim(
            self._limits | {QueueName.BULK: self._bulk_size.get()},
            lease_seconds=self._settings.lease_seconds,
            process=self._idling.name,
            wait_seconds=wait_seconds,
        )

    def _work_on(self, claims: Sequence[Claim], serving: Serving) -> None:
        claimed = time.monotonic()
        with self._heartbeat.holding(claims):
            sound = serving.work.run(claims, afterwards=serving.shadow.run)
        self._bulk_size.note(len(claims), time.monotonic() - claimed)
        if not sound:
            self._end_if_broken(serving)

    def explain(self, request: ExplanationRequest) -> None:
        """Draw one heat map."""
        serving = self._model.get()
        if serving is not None:
            serving.explanations.run(request.job_id)

    def sweep(self) -> None:
        """Run the sweeper once, then work as after a hint; what fails now is done by the next run."""
        began = time.monotonic()
        try:
            self._sweeper.repair()
            for queue in QueueName:
                self._hints.send(queue, self._sweeper.missing_hints(queue, waiting=self._hints.waiting))
            self._wake_outdated()
            self._sweeper.erase()
            self._metrics.swept()
        except UnavailableError as error:
            log.warning("sweep_interrupted", reason=error.log_reason)
        except OperationalError as error:
            log.warning("sweep_interrupted", reason=str(error))
        else:
            self._drain(QueueName.INTERACTIVE, began=began, answers=False)

    def _wake_outdated(self) -> None:
        """Send a hint to each idle process that still holds another version, for it looks only when it is woken."""
        outdated = sum(not self._model.is_current(worker.model_version) for worker in self._register.alive())
        self._hints.send(QueueName.INTERACTIVE, max(0, outdated - self._hints.waiting(QueueName.INTERACTIVE)))

    def _end_if_broken(self, serving: Serving) -> None:
        """End this process when its network no longer answers as it should: a GPU after an error stays unusable.

        The pool starts another; the jobs in hand have been given back.
        """
        try:
            serving.work.check()
        except ModelInvalidError as error:
            log.critical("model_broken", reason=error.log_reason)
            self.stop()
            os._exit(1)
