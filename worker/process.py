"""What one process of the pool holds from its start to its end: connections, the model, the heartbeat."""

import os
import socket
import time
from dataclasses import dataclass
from typing import Final

from kombu.exceptions import OperationalError
from structlog import get_logger

from common.errors import (
    JobStoreUnavailableError,
    ModelError,
    ModelInvalidError,
    UnavailableError,
    UnsafeRedisError,
)
from common.jobs.batches import BatchStore
from common.jobs.explanations import ExplanationRegister
from common.jobs.record import WorkerInfo
from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister
from common.messages import ExplanationRequest, WorkHint
from common.model_store import ModelStore
from common.queues import QueueName
from common.redis_client import connect
from common.settings import Settings
from common.storage import Storage
from worker.chunk import ChunkWork, RetryPolicy
from worker.explain import ExplanationWork
from worker.heartbeat import Heartbeat
from worker.hints import Hints
from worker.inference.predictor import load_predictor
from worker.metrics import WorkerMetrics
from worker.sweeper import Sweeper, SweepRules

log = get_logger(__name__)

# One hint is worth this much work: long enough that Celery's cost of 2 ms a message vanishes, short enough that a
# stopping worker, or the sweeper waiting for one, never waits longer.
_DRAIN_SECONDS: Final = 1.0

# A process without a model tries again this often; each try reads and checks the whole version.
_MODEL_PAUSE_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Serving:
    """A loaded model at work, and the heartbeat that says so."""

    work: ChunkWork
    explanations: ExplanationWork
    heartbeat: Heartbeat


class PoolProcess:
    """Carry out the tasks of one pool process. It is made before the fork and started after it."""

    def __init__(self, settings: Settings, hints: Hints) -> None:
        self._settings = settings
        self._hints = hints
        self._limits = {
            QueueName.INTERACTIVE: settings.interactive_chunk_size,
            QueueName.BULK: settings.bulk_chunk_size,
        }
        self._serving: Serving | None = None
        self._model_tried_at = -_MODEL_PAUSE_SECONDS

    def start(self) -> None:
        """Connect and load the model; a model that cannot be loaded is tried again later.

        Raises:
            ConfigurationError: The storage or the device cannot be had.
        """
        settings = self._settings
        # Made after the fork: its files carry the number of this process.
        self._metrics = WorkerMetrics()
        client = connect(
            settings.effective_job_store_url,
            timeout_seconds=settings.redis_timeout_seconds,
            max_connections=4,  # the work and the heartbeat
        )
        self._store = JobStore(client)
        self._register = WorkerRegister(client)
        self._explanations = ExplanationRegister(client)
        self._storage = Storage(settings.effective_storage_url, fsync=settings.storage_fsync)
        rules = SweepRules(settings.max_attempts, settings.retention_hours, self._limits)
        self._sweeper = Sweeper(self._store, BatchStore(client), self._storage, rules)
        self._serve()

    def stop(self) -> None:
        """Leave the register."""
        if self._serving is not None:
            self._serving.heartbeat.stop()

    def drain(self, hint: WorkHint) -> None:
        """Work through waiting jobs for about a second; whoever waits longest comes first, whatever the hint says."""
        serving = self._serve()
        if serving is None:
            return
        end = time.monotonic() + _DRAIN_SECONDS
        try:
            while claims := self._store.claim(self._limits, lease_seconds=self._settings.lease_seconds):
                with serving.heartbeat.holding(claims):
                    sound = serving.work.run(claims)
                if not sound:
                    self._end_if_broken(serving)
                if time.monotonic() >= end:
                    self._hints.send(claims[0].queue)
                    return
        except (JobStoreUnavailableError, UnsafeRedisError) as error:
            log.warning("drain_interrupted", queue=hint.queue.value, reason=error.log_reason)

    def explain(self, request: ExplanationRequest) -> None:
        """Draw one heat map."""
        serving = self._serve()
        if serving is not None:
            serving.explanations.run(request.job_id)

    def sweep(self) -> None:
        """Run the sweeper once; what fails now is done by the next run."""
        try:
            self._sweeper.repair()
            for queue in QueueName:
                self._hints.send(queue, self._sweeper.missing_hints(queue, waiting=self._hints.waiting))
            self._sweeper.erase()
            self._metrics.swept()
        except UnavailableError as error:
            log.warning("sweep_interrupted", reason=error.log_reason)
        except OperationalError as error:
            log.warning("sweep_interrupted", reason=str(error))

    def _serve(self) -> Serving | None:
        """Have a model to work with; None while there is none that can serve."""
        if self._serving is None and time.monotonic() >= self._model_tried_at + _MODEL_PAUSE_SECONDS:
            self._model_tried_at = time.monotonic()
            try:
                self._serving = self._load()
            except (ModelError, JobStoreUnavailableError) as error:
                log.error("model_not_loaded", code=error.code, reason=error.log_reason)
        return self._serving

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

    def _load(self) -> Serving:
        settings = self._settings
        started = time.monotonic()
        predictor = load_predictor(
            ModelStore(settings.model_store_dir), runtime=settings.runtime, device=settings.device
        )
        self._metrics.model_loaded(
            version=predictor.version,
            runtime=predictor.runtime_name,
            device=predictor.device_name,
            seconds=time.monotonic() - started,
        )
        heartbeat = Heartbeat(
            self._store,
            self._register,
            WorkerInfo(
                name=f"{socket.gethostname()}:{os.getpid()}",
                model_version=predictor.version,
                runtime=predictor.runtime_name,
                device=predictor.device_name,
            ),
            predictor.labels,
            lease_seconds=settings.lease_seconds,
        )
        retries = RetryPolicy(settings.max_attempts, settings.retry_backoff_seconds)
        work = ChunkWork(self._store, self._storage, predictor, retries, metrics=self._metrics)
        explanations = ExplanationWork(self._store, self._explanations, self._storage, predictor)
        # A result must find the labels of its version; from then on the heartbeat sees to it.
        self._store.register_labels(predictor.version, predictor.labels)
        heartbeat.start()
        log.info(
            "model_loaded", version=predictor.version, runtime=predictor.runtime_name, device=predictor.device_name
        )
        return Serving(work, explanations, heartbeat)
