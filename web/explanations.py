"""Heat maps: asked of a worker on first request, kept with the job."""

from common.errors import ExplanationUnavailableError, StoredImageMissingError
from common.jobs.explanations import ExplanationRegister
from common.jobs.record import Explanation, Job
from common.storage import Storage, explanation_key
from web.publisher import Publisher
from web.waiting import LongPolls

_DRAWN = frozenset({Explanation.READY, Explanation.UNAVAILABLE})


class Explanations:
    """Give heat maps to those who ask."""

    def __init__(
        self, register: ExplanationRegister, storage: Storage, publisher: Publisher, long_polls: LongPolls
    ) -> None:
        self._register = register
        self._storage = storage
        self._publisher = publisher
        self._long_polls = long_polls

    def get(self, job_id: str, *, wait_seconds: float) -> bytes | None:
        """Give the heat map of a job's result as JPEG; None while it is being drawn.

        Args:
            wait_seconds: How long to wait for a worker to draw it.

        Raises:
            JobNotFoundError: There is no such job.
            ExplanationUnavailableError: The job has no result, or its model version cannot be explained.
            UnavailableError: Redis or the storage does not answer.
        """
        stands, to_send = self._register.ask(job_id)
        if to_send:
            self._publisher.request_explanation(job_id)
        if stands not in _DRAWN:
            job, _ = self._long_polls.get(job_id, wait_seconds=wait_seconds, until=_is_drawn)
            stands = job.explanation or Explanation.ASKED
        if stands is Explanation.READY:
            return self._read(job_id)
        if stands is Explanation.UNAVAILABLE:
            raise ExplanationUnavailableError(
                "The model version that answered this job cannot show where it looked, or serves no more."
            )
        return None

    def _read(self, job_id: str) -> bytes:
        try:
            return self._storage.get(explanation_key(job_id))
        except StoredImageMissingError as error:
            raise ExplanationUnavailableError("The heat map was erased or lost.") from error


def _is_drawn(job: Job) -> bool:
    return job.explanation in _DRAWN
