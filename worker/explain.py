"""Drawing the heat map of one result, on request."""

from contextlib import suppress
from typing import Protocol

from structlog import get_logger

from common.errors import DentiqError, UnavailableError
from common.jobs.explanations import ExplanationRegister
from common.jobs.record import Explanation
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
    """Draw heat maps with one model."""

    def __init__(self, store: JobStore, register: ExplanationRegister, storage: Storage, explainer: Explainer) -> None:
        self._store = store
        self._register = register
        self._storage = storage
        self._explainer = explainer

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
            picture = self._draw(job_id)
        except UnavailableError:
            raise
        except DentiqError as error:
            log.info("explanation_failed", job_id=job_id, code=error.code)
            picture = None
        if picture is None:
            self._register.note(job_id, Explanation.UNAVAILABLE)
            return
        self._store.announce_derived(job_id, grace_seconds=_GRACE_SECONDS)
        self._storage.put(explanation_key(job_id), picture)
        if not self._register.note(job_id, Explanation.READY):
            self._storage.delete(explanation_key(job_id))

    def _draw(self, job_id: str) -> bytes | None:
        job = self._store.get(job_id)
        # Another version has other evidence: its picture would explain an answer that nobody got.
        if job.model_version != self._explainer.version or not job.predictions:
            return None
        return self._explainer.explain(self._storage.get(image_key(job_id)), label=job.predictions[0].label)
