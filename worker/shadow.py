"""A shadow version at work: it answers a share of the finished jobs once more and cannot touch their results."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from structlog import get_logger

from common.errors import DentiqError, StoredImageMissingError
from common.jobs.record import Success
from common.jobs.shadows import ShadowRegister
from common.model_store import ModelStore, Shadow
from common.storage import Storage, image_key
from worker.chunk import Predictor, success
from worker.inference.prediction import Prediction
from worker.metrics import WorkerMetrics

log = get_logger(__name__)

# A shadow that was refused is tried again this often: each try reads and checks every file of it.
_RETRY_SECONDS: Final = 10.0


class ShadowModel:
    """Have the shadow version of the model store at hand, beside the one that serves.

    Args:
        models: Names the shadow.
        load: Loads and checks a version.
        register: Takes the shadow's answers.
        storage: Holds the images.
        metrics: Of this process.
    """

    def __init__(
        self,
        models: ModelStore,
        load: Callable[[str], Predictor],
        *,
        register: ShadowRegister,
        storage: Storage,
        metrics: WorkerMetrics,
    ) -> None:
        self._models = models
        self._load = load
        self._register = register
        self._storage = storage
        self._metrics = metrics
        self._shadow: Shadow | None = None
        self._predictor: Predictor | None = None
        self._refused_version = ""
        self._refused_at = -_RETRY_SECONDS

    def follow(self, *, serves: str) -> None:
        """Take up what the model store names as shadow now; a version cannot be the shadow of itself.

        Args:
            serves: The version that serves.
        """
        shadow = self._models.shadow()
        if shadow is None or shadow.version == serves:
            self._shadow = self._predictor = None
            return
        self._shadow = shadow
        if self._predictor is not None and self._predictor.version == shadow.version:
            return
        self._predictor = None
        now = time.monotonic()
        if shadow.version == self._refused_version and now < self._refused_at + _RETRY_SECONDS:
            return
        # Kept only while it cannot be loaded: who ends a sound shadow and begins it again waits for nothing.
        self._refused_version, self._refused_at = shadow.version, now
        try:
            # A copy of it is made beside the work; until then its share is answered by nobody.
            if self._models.is_at_hand(shadow.version):
                self._predictor = self._loaded(shadow.version)
        except DentiqError as error:
            log.error("shadow_refused", version=shadow.version, serves=serves, reason=error.log_reason)
        except Exception:  # no shadow is worth a version that serves
            log.exception("shadow_refused", version=shadow.version, serves=serves)
        else:
            self._refused_version = ""

    def run(self, served: Sequence[Success]) -> None:
        """Answer those jobs of a chunk that are in the share; whatever goes wrong is counted and logged, no more."""
        shadow, predictor = self._shadow, self._predictor
        if shadow is None or predictor is None:
            return
        for result in served:
            if not shadow.takes(result.claim.job_id):
                continue
            try:
                self._answer(result, predictor)
            except StoredImageMissingError:
                log.info("shadow_passed_over", job_id=result.claim.job_id, reason="the job was erased meanwhile")
            except DentiqError as error:
                self._metrics.shadow_failed(shadow.version)
                log.warning(
                    "shadow_failed", version=shadow.version, job_id=result.claim.job_id, reason=error.log_reason
                )
            except Exception:  # the results are written: nothing here may reach the chunk
                self._metrics.shadow_failed(shadow.version)
                log.exception("shadow_failed", version=shadow.version, job_id=result.claim.job_id)

    def _loaded(self, version: str) -> Predictor:
        started = time.monotonic()
        predictor = self._load(version)
        self._metrics.shadow_loaded(version=version, seconds=time.monotonic() - started)
        log.info("shadow_loaded", version=version)
        return predictor

    def _answer(self, served: Success, predictor: Predictor) -> None:
        image = self._storage.get(image_key(served.claim.job_id))
        (answer,) = predictor.predict([image])
        if not isinstance(answer, Prediction):
            raise answer
        self._register.note(served, success(served.claim, predictor, answer))
