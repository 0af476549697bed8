"""One chunk of jobs from claim to report: read the images, predict, write what came of each."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from structlog import get_logger

from common.errors import DentiqError, InferenceError, JobError, StorageUnreachableError
from common.jobs.record import Claim, Failure, Success
from common.jobs.store import JobStore
from common.storage import Storage, image_key
from worker.inference.prediction import Prediction
from worker.metrics import WorkerMetrics
from worker.persistence import until_redis_answers

log = get_logger(__name__)

# An object store that is away for a night costs no job an attempt; after a day a job ends, for it must end.
_SPARE_HOURS: Final = 24.0


class Predictor(Protocol):
    """What a chunk needs of the model: see `worker.inference.predictor.Predictor`."""

    @property
    def version(self) -> str:
        """The model version."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, by label index."""
        ...

    def predict(self, images: Iterable[bytes]) -> Sequence[Prediction | DentiqError]:
        """Answer each image by a prediction, or by the error that it alone met."""
        ...

    def check(self) -> None:
        """Raise `ModelInvalidError` when the network no longer answers as it should."""
        ...


@dataclass(frozen=True)
class RetryPolicy:
    """When a fault that can pass is tried again.

    Attributes:
        max_attempts: The last attempt's fault ends the job.
        backoff_seconds: Wait before the second attempt; it doubles each time.
    """

    max_attempts: int
    backoff_seconds: float


class ChunkWork:
    """Work on chunks with one model; the one place that decides whether a job is tried again or fails."""

    def __init__(
        self,
        store: JobStore,
        storage: Storage,
        predictor: Predictor,
        retries: RetryPolicy,
        *,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        self._store = store
        self._storage = storage
        self._predictor = predictor
        self._retries = retries
        self._metrics = metrics or WorkerMetrics()

    def run(self, claims: Sequence[Claim], *, afterwards: Callable[[Sequence[Success]], None] | None = None) -> bool:
        """Bring every claimed job to its end, or back into its queue.

        Args:
            claims: The chunk.
            afterwards: Told of the results that were written, once they are.

        Returns:
            Whether the network computed all it was given; if not, the model may have broken: see `check`.

        Raises:
            JobStoreUnavailableError: Redis stayed away; the leases end and the jobs are tried again.
        """
        started = time.monotonic()
        self._metrics.chunk_claimed(claims)
        try:
            answers = self._answer(claims)
        except Exception as bug:
            log.exception("chunk_failed", job_ids=[claim.job_id for claim in claims])
            error = JobError(f"dentiq failed on this job ({type(bug).__name__}); the worker's log says more.")
            self._postpone([_failure(claim, error) for claim in claims])
            return False
        written = self._report(claims, answers, started=started)
        if afterwards is not None:
            afterwards(written)
        return not any(isinstance(answer, InferenceError) for answer in answers)

    def check(self) -> None:
        """Raise `ModelInvalidError` when the network no longer answers as it should."""
        self._predictor.check()

    def _answer(self, claims: Sequence[Claim]) -> list[Prediction | DentiqError]:
        """Get an answer for each claim, in order: images that cannot be read are kept from the network."""
        unread: dict[str, DentiqError] = {}
        # A stream: of 32 files of 20 MB only one is in memory at a time, of an object store eight, on a
        # GPU two for each thread that decodes.
        predictions = iter(self._predictor.predict(self._read(claims, unread)))
        return [unread.get(claim.job_id) or next(predictions) for claim in claims]

    def _read(self, claims: Sequence[Claim], unread: dict[str, DentiqError]) -> Iterator[bytes]:
        """Give the stored images one after the other; note those that cannot be read."""
        images = self._storage.get_each([image_key(claim.job_id) for claim in claims])
        for claim, image in zip(claims, images, strict=True):
            if isinstance(image, DentiqError):
                unread[claim.job_id] = image
            else:
                yield image

    def _report(
        self, claims: Sequence[Claim], answers: Sequence[Prediction | DentiqError], *, started: float
    ) -> list[Success]:
        reports: list[Success | Failure] = []
        passing: list[Failure] = []
        away: list[Failure] = []
        for claim, answer in zip(claims, answers, strict=True):
            if isinstance(answer, Prediction):
                reports.append(success(claim, self._predictor, answer))
            else:
                log.info("job_failed", job_id=claim.job_id, attempt=claim.attempt, code=answer.code)
                if isinstance(answer, StorageUnreachableError):
                    away.append(_failure(claim, answer))
                else:
                    (passing if answer.retryable else reports).append(_failure(claim, answer))
        if passing:
            self._postpone(passing)
        if away:
            self._postpone(away, spare_hours=_SPARE_HOURS)
        if reports:
            written = until_redis_answers(lambda: self._store.finish(reports))
            self._metrics.reported(reports, written, worked_seconds=time.monotonic() - started)
            refused = [report.claim.job_id for report, done in zip(reports, written, strict=True) if not done]
            if refused:
                log.warning("results_refused", job_ids=refused, reason="the leases had been taken over")
            return [
                report for report, done in zip(reports, written, strict=True) if done and isinstance(report, Success)
            ]
        return []

    def _postpone(self, failures: Sequence[Failure], *, spare_hours: float = 0) -> None:
        until_redis_answers(
            lambda: self._store.postpone(
                failures,
                max_attempts=self._retries.max_attempts,
                delay_seconds=self._retries.backoff_seconds,
                spare_hours=spare_hours,
            )
        )


def success(claim: Claim, predictor: Predictor, prediction: Prediction) -> Success:
    """Write a model's answer to a claimed job as the report that the job store takes."""
    probabilities = prediction.probabilities
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    return Success(
        claim,
        predictor.version,
        prediction.outcome,
        predictor.labels[best],
        probabilities,
        decode_seconds=prediction.decode_seconds,
        inference_seconds=prediction.inference_seconds,
    )


def _failure(claim: Claim, error: DentiqError) -> Failure:
    return Failure(claim, error.code, error.message)
