"""Heat maps on request: asked for once, drawn by a worker, noted in the job's record."""

import redis

from common.errors import ExplanationUnavailableError, JobNotFoundError
from common.jobs import keys
from common.jobs.record import Explanation
from common.jobs.scripts import Scripts
from common.redis_client import redis_errors_translated

# A drawing takes 50 ms and waits behind 1.5 s of work at most; after this its task is taken for lost.
_PATIENCE_MICROSECONDS = 15_000_000

# A drawing that has not ended after this took its process down, or hangs. Three are borne, as attempts at a job are:
# each costs a process that others wait for.
_DRAWING_MICROSECONDS = 5_000_000
_MOST_LOST = 3


class ExplanationRegister:
    """Ask for heat maps and note what came of them."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._scripts = Scripts(client)

    def ask(self, job_id: str) -> tuple[Explanation, bool]:
        """Tell where a job's heat map stands, and whether the caller must send the task that draws it.

        Raises:
            JobNotFoundError: There is no such job.
            ExplanationUnavailableError: The job has no result to explain.
            JobStoreUnavailableError: Redis does not answer.
        """
        with redis_errors_translated():
            verdict = self._scripts.call("ask_explanation", job_id, _PATIENCE_MICROSECONDS)
        if verdict == "no_job":
            raise JobNotFoundError(f"There is no job {job_id!r}: it never was, was erased, or is past its retention.")
        if verdict == "no_result":
            raise ExplanationUnavailableError("This job has no result to explain; ask again once it has succeeded.")
        return (Explanation.ASKED, True) if verdict == "ask" else (Explanation(verdict), False)

    def begin(self, job_id: str) -> bool:
        """Note that a heat map is about to be drawn; False where it must not be.

        It must not where another process is at it, where it stands, and where its job is gone. Once three drawings have
        begun and none of them has ended, there is none: the heat map is noted as unavailable.
        """
        with redis_errors_translated():
            return bool(self._scripts.call("begin_explanation", job_id, _DRAWING_MICROSECONDS, _MOST_LOST))

    def give_back(self, job_id: str) -> None:
        """Note that a drawing ended without a word on the heat map: it is no lost one, and may be asked for again."""
        with redis_errors_translated():
            self._redis.hdel(keys.JOB + job_id, "explanation_begun", "explanation_asked")

    def note(self, job_id: str, explanation: Explanation) -> bool:
        """Note that a heat map is stored, or cannot be had; False when the job is gone."""
        with redis_errors_translated():
            return bool(self._scripts.call("note_explanation", job_id, explanation.value))
