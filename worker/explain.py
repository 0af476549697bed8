"""Drawing the heat map of one result, on request."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from structlog import get_logger

from common.errors import DentiqError, UnavailableError
from common.jobs.explanations import ExplanationRegister
from common.jobs.record import Explanation, Job
from common.jobs.store import JobStore
from common.storage import Storage, explanation_key, image_key

log = get_logger(__name__)

# So long after a picture is announced the sweeper looks whether its job is still there; storing one takes seconds.
_GRACE_SECONDS = 600.0


class Explainer(Protocol):
    """What an explanation needs of the model: see `worker.inference.predictor.Predictor`."""

    @property
    def version(self) -> str:
        """The model version."""
        ...

    def explain(self, data: bytes, *, label: str | None = None) -> bytes | None:
        """Draw where the evidence for a label lies; None where the network cannot tell."""
        ...


class ExplanationWork:
    """Draw heat maps with one model.

    Args:
        comes: Whether a version is the one that this process takes up next, if it has not yet.
    """

    def __init__(
        self,
        store: JobStore,
        register: ExplanationRegister,
        storage: Storage,
        explainer: Explainer,
        *,
        comes: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._register = register
        self._storage = storage
        self._explainer = explainer
        self._comes = comes

    def run(self, job_id: str) -> None:
        """Draw and store the heat map of a job's first label; what passes is left to whoever asks again."""
        try:
            if self._register.begin(job_id):
                self._answer(job_id)
        except UnavailableError as error:
            log.warning("explanation_interrupted", job_id=job_id, reason=error.log_reason)
            # Where Redis is away too it counts as lost, as if this process had died.
            with suppress(UnavailableError):
                self._register.give_back(job_id)

    def _answer(self, job_id: str) -> None:
        try:
            job = self._store.get(job_id)
            if self._awaits_version_of(job):
                self._register.give_back(job_id)
                return
            picture = self._draw(job)
        except UnavailableError:
            raise
        except DentiqError as error:
            log.info("explanation_failed", job_id=job_id, code=error.code)
            if error.retryable:
                # It counts as lost, and is tried as often as if this process had died of it.
                return
            picture = None
        if picture is None:
            self._register.note(job_id, Explanation.UNAVAILABLE)
            return
        self._store.announce_derived(job_id, grace_seconds=_GRACE_SECONDS)
        self._storage.put(explanation_key(job_id), picture)
        if not self._register.note(job_id, Explanation.READY):
            self._storage.delete(explanation_key(job_id))

    def _awaits_version_of(self, job: Job) -> bool:
        """Whether another process was quicker to take up the version that has just become current."""
        version = job.model_version
        return version is not None and version != self._explainer.version and self._comes(version)

    def _draw(self, job: Job) -> bytes | None:
        # Another version has other evidence: its picture would explain an answer that nobody got.
        if job.model_version != self._explainer.version or not job.predictions:
            return None
        return self._explainer.explain(self._storage.get(image_key(job.id)), label=job.predictions[0].label)
