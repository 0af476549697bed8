"""The model of one pool process: loaded at the start, replaced when another version becomes current."""

import os
import socket
import time
from dataclasses import dataclass
from typing import Final

from structlog import get_logger

from common.errors import JobStoreUnavailableError, ModelError
from common.jobs.explanations import ExplanationRegister
from common.jobs.record import WorkerInfo
from common.jobs.shadows import ShadowRegister
from common.jobs.store import JobStore
from common.remote_models import open_model_store
from common.settings import Settings
from common.storage import Storage
from worker.chunk import ChunkWork, RetryPolicy
from worker.explain import ExplanationWork
from worker.heartbeat import Heartbeat
from worker.inference.predictor import Predictor, load_predictor
from worker.metrics import WorkerMetrics
from worker.shadow import ShadowModel

log = get_logger(__name__)

# A look at the store is one small read, which waits for none at a distance; a promoted version serves within this time,
# one chunk and, at a distance, two seconds and the time of the copy, which is made beside the work.
_LOOK_SECONDS: Final = 1.0

# A version that was refused, or a model that could not be loaded, is tried again this often: each try reads and checks
# every file of it.
_RETRY_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Serving:
    """A loaded model at work, and the shadow beside it."""

    version: str
    work: ChunkWork
    explanations: ExplanationWork
    shadow: ShadowModel


@dataclass(frozen=True)
class Surroundings:
    """What a model works with."""

    settings: Settings
    store: JobStore
    storage: Storage
    explanations: ExplanationRegister
    shadows: ShadowRegister
    metrics: WorkerMetrics
    heartbeat: Heartbeat


class ServingModel:
    """Have the current version of the model store at hand."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        settings = surroundings.settings
        self._models = open_model_store(settings.model_store_location, settings.s3, copies=settings.data_dir / "models")
        self._serving: Serving | None = None
        self._shadow = ShadowModel(
            self._models,
            self._open,
            register=surroundings.shadows,
            storage=surroundings.storage,
            metrics=surroundings.metrics,
        )
        self._looked_at = -_LOOK_SECONDS
        self._failed_at = -_RETRY_SECONDS
        self._failed_version = ""

    def get(self) -> Serving | None:
        """Give the model to work with: the current version, or the one before while the current one is refused.

        None while there is none that can serve. Called between chunks, so that no job sees a change half-way.
        """
        now = time.monotonic()
        if now >= self._looked_at + _LOOK_SECONDS:
            self._looked_at = now
            self._follow(now)
            if self._serving is not None:
                self._shadow.follow(serves=self._serving.version)
        return self._serving

    def comes(self, version: str) -> bool:
        """Whether this process will take a version up: the model store names it, and it was not refused here."""
        try:
            return version == self._models.named_current() != self._failed_version
        except ModelError:
            return True

    def is_current(self, version: str) -> bool:
        """Whether this is the version that the model store names; a store that names none has no other."""
        try:
            return self._models.named_current() in {version, ""}
        except ModelError:
            return True

    def _follow(self, now: float) -> None:
        try:
            # With a version in hand nobody waits for a silent store: neither for what it names nor for the copy.
            current = self._models.named_current() if self._serving else self._models.current()
        except ModelError as error:
            self._note_failure("", error, now)
            return
        if self._serving is not None and self._serving.version == current:
            return
        if current == self._failed_version and now < self._failed_at + _RETRY_SECONDS:
            return
        try:
            if self._serving is None or self._models.is_at_hand(current):
                self._serving = self._load(current)
        except JobStoreUnavailableError as error:
            self._note_failure(current, error, now)
        except ModelError as error:
            self._note_failure(current, error, now)
            if self._serving is None:
                self._fall_back(current)

    def _fall_back(self, refused: str) -> None:
        """Take up the version that served before: a process that starts anew goes on with what its neighbours hold."""
        try:
            previous = self._models.previous()
            if previous != refused:
                self._serving = self._load(previous)
        except (ModelError, JobStoreUnavailableError) as error:
            log.error("no_version_to_fall_back_on", refused=refused, code=error.code, reason=error.log_reason)

    def _note_failure(self, version: str, error: ModelError | JobStoreUnavailableError, now: float) -> None:
        if version != self._failed_version or now >= self._failed_at + _RETRY_SECONDS:
            serves = self._serving.version if self._serving else None
            log.error("version_refused", version=version, serves=serves, code=error.code, reason=error.log_reason)
            self._failed_version, self._failed_at = version, now

    def _load(self, version: str) -> Serving:
        around, settings = self._around, self._around.settings
        started = time.monotonic()
        predictor = self._open(version)
        around.metrics.model_loaded(
            version=version,
            runtime=predictor.runtime_name,
            device=predictor.device_name,
            seconds=time.monotonic() - started,
        )
        # A result must find the labels of its version; from then on the heartbeat sees to it.
        around.store.register_labels(version, predictor.labels)
        around.heartbeat.serve(
            WorkerInfo(
                name=process_name(),
                model_version=version,
                runtime=predictor.runtime_name,
                device=predictor.device_name,
            ),
            predictor.labels,
        )
        log.info("model_loaded", version=version, runtime=predictor.runtime_name, device=predictor.device_name)
        retries = RetryPolicy(settings.max_attempts, settings.retry_backoff_seconds)
        return Serving(
            version,
            ChunkWork(around.store, around.storage, predictor, retries, metrics=around.metrics),
            ExplanationWork(around.store, around.explanations, around.storage, predictor, comes=self.comes),
            self._shadow,
        )

    def _open(self, version: str) -> Predictor:
        settings = self._around.settings
        return load_predictor(self._models, runtime=settings.runtime, device=settings.device, version=version)


def process_name() -> str:
    """Name this process among those of all hosts."""
    return f"{socket.gethostname()}:{os.getpid()}"
