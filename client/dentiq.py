"""The client of a dentiq server: submit an image, follow its job, fill a batch, list the models."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from urllib.parse import quote

import httpx

from client.batch_records import Addition, Batch, JobPage
from client.connection import DEFAULT_SERVER, Connection, content
from client.errors import StillRunningError
from client.filenames import readable
from client.records import Job, Model
from client.retries import RequestRetries

# The server's own limit for a long poll; a higher wish would be refused.
_LONGEST_POLL_SECONDS = 20.0
# Pauses between questions to a server that does not hold them: quick at first, then gentle.
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
# The server decodes each image of a portion before it answers.
_ADDITION_TIMEOUT_SECONDS = 120.0
# What the server gives at most in one page.
_PAGE = 500
# Each of them is followed by its photograph, which takes longer than a page.
_CORRECTED_PAGE = 100

_BATCHES = "/api/v1/batches"


class Dentiq:
    """Talk to one server; usable as a context manager, safe to share between threads.

    Args:
        server: Its address, such as `http://127.0.0.1:5000`.
        api_key: For a server that asks for one. httpx sends it to no other host, even after a redirect.
        timeout_seconds: Longest silence of the server within one request.
        retries: How often a request is tried again.
        transport: Another transport of httpx, such as a mock in tests.
        sleep: Waits; tests pass one that does not.
    """

    def __init__(  # noqa: PLR0913  all but the first by name
        self,
        server: str = DEFAULT_SERVER,
        *,
        api_key: str = "",
        timeout_seconds: float = 30.0,
        retries: RequestRetries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._timeout_seconds = timeout_seconds
        self._connection = Connection(
            server,
            api_key=api_key,
            timeout_seconds=timeout_seconds,
            retries=retries,
            transport=transport,
            sleep=sleep,
        )

    def __enter__(self) -> "Dentiq":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._connection.close()

    def submit(
        self, image: bytes, *, filename: str, idempotency_key: str | None = None, webhook_url: str | None = None
    ) -> Job:
        """Submit one image; when this returns, the server has made the job durable.

        Args:
            image: The bytes of an image file.
            filename: Its name, for people; bytes in it that are no text are replaced.
            idempotency_key: Names this submission: the same key again finds the job instead of making another. The
                retries of one call share a key in any case.
            webhook_url: Told of the job's end by a signed message.

        Raises:
            RequestRefusedError: The image is not acceptable.
            ServerUnreachableError: The server does not answer, after all tries.
            UnexpectedAnswerError: The answer is not dentiq's.
        """
        answer = self._connection.ask(
            "POST",
            "/api/v1/jobs",
            files={"image": (readable(filename), image)},
            data={"webhook_url": webhook_url} if webhook_url else None,
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
        )
        return Job.from_answer(content(answer))

    def job(self, job_id: str, *, wait_seconds: float = 0.0) -> Job:
        """Read a job, at once or as soon as it is finished.

        Args:
            job_id: Its id.
            wait_seconds: Longest time that the server may hold the question while the job is not finished.

        Raises:
            RequestRefusedError: There is no such job.
            ServerUnreachableError: The server does not answer, after all tries.
            UnexpectedAnswerError: The answer is not dentiq's.
        """
        return Job.from_answer(content(self._ask_for_job(job_id, wait_seconds=wait_seconds)))

    def wait(self, job_id: str, *, timeout_seconds: float = 300.0) -> Job:
        """Follow a job until it is finished.

        Raises:
            StillRunningError: It is not finished in time; it goes on all the same.
            RequestRefusedError: There is no such job.
            ServerUnreachableError: The server does not answer, after all tries.
            UnexpectedAnswerError: The answer is not dentiq's.
        """
        end = time.monotonic() + timeout_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            asked = time.monotonic()
            wish = min(max(end - asked, 0.0), _LONGEST_POLL_SECONDS)
            answer = self._ask_for_job(job_id, wait_seconds=wish)
            job = Job.from_answer(content(answer))
            if job.finished:
                return job
            now = time.monotonic()
            if now >= end:
                raise StillRunningError(f"The job {job.id} is still {job.status} after {timeout_seconds:g} s.")
            if now - asked < min(wish, _LONGEST_PAUSE_SECONDS):  # the server did not hold the question
                self._sleep(min(pause, end - now))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def image(self, job_id: str) -> bytes:
        """Read a job's photograph in full size, as a JPEG without its metadata; raises as `job` does."""
        return self._connection.ask("GET", f"{_job_address(job_id)}/image").content

    def correct(self, job_id: str, label: str) -> None:
        """Say what a photograph shows: a label, `other` or `not_dental`; raises as `job` does."""
        self._connection.ask("PUT", f"{_job_address(job_id)}/correction", json={"label": label})

    def confirm(self, job_id: str) -> None:
        """Say that a result is right; raises as `job` does."""
        self._connection.ask("PUT", f"{_job_address(job_id)}/correction", json={"verdict": "right"})

    def withdraw_correction(self, job_id: str) -> None:
        """Take back what was said of a result; raises as `job` does."""
        self._connection.ask("DELETE", f"{_job_address(job_id)}/correction")

    def corrected_jobs(self, *, withdrawn: bool = False) -> Iterator[Job]:
        """Go through all corrected jobs of the server, a page in memory at a time; raises as `job` does.

        Where API keys are asked for, this one needs the scope `admin`.

        Args:
            withdrawn: Whether to give as well the jobs whose correction was taken back; they have no `corrected_label`.
        """
        wish = {"withdrawn": "true"} if withdrawn else {}
        return self._pages("/api/v1/corrections", limit=_CORRECTED_PAGE, **wish)

    def models(self) -> list[Model]:
        """List the model versions.

        Raises:
            RequestRefusedError: The server cannot say.
            ServerUnreachableError: The server does not answer, after all tries.
            UnexpectedAnswerError: The answer is not dentiq's.
        """
        return Model.list_from_answer(content(self._connection.ask("GET", "/api/v1/models")))

    def create_batch(
        self, *, name: str = "", idempotency_key: str | None = None, webhook_url: str | None = None
    ) -> Batch:
        """Make an empty batch.

        Args:
            name: Shown to people; at most 255 characters.
            idempotency_key: Names this request: the same key again finds the batch instead of making another.
            webhook_url: Told by a signed message each time that all images submitted so far have ended.

        Raises:
            RequestRefusedError: The name is not acceptable.
            ServerUnreachableError: The server does not answer, after all tries.
            UnexpectedAnswerError: The answer is not dentiq's.
        """
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        body = {"name": readable(name)[:255], **({"webhook_url": webhook_url} if webhook_url else {})}
        answer = self._connection.ask("POST", _BATCHES, json=body, headers=headers)
        return Batch.from_answer(content(answer))

    def add_images(
        self, batch_id: str, files: Sequence[tuple[str, bytes]], *, idempotency_key: str | None = None
    ) -> Addition:
        """Add images to a batch; when this returns, the jobs of those accepted are durable.

        Args:
            batch_id: The batch.
            files: Names and bytes, at most 64.
            idempotency_key: Names this addition: the same key with the same files finds the jobs instead of making
                others. The retries of one call share a key in any case.

        Raises:
            RequestRefusedError: The batch takes no images, or the request is not acceptable as a whole.
            ServerUnreachableError: The server does not answer, after all tries.
            UnexpectedAnswerError: The answer is not dentiq's.
        """
        answer = self._connection.ask(
            "POST",
            f"{_address(batch_id)}/images",
            files=[("images", (readable(name), data)) for name, data in files],
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
            timeout=max(self._timeout_seconds, _ADDITION_TIMEOUT_SECONDS),
        )
        return Addition.from_answer(content(answer))

    def batch(self, batch_id: str) -> Batch:
        """Read a batch's counts, rate and time left; raises as `job` does."""
        return Batch.from_answer(content(self._connection.ask("GET", _address(batch_id))))

    def batch_job_page(self, batch_id: str, *, cursor: int = 0, limit: int = _PAGE) -> JobPage:
        """Read a part of a batch's jobs, in the order of submission; raises as `job` does."""
        return self._page(f"{_address(batch_id)}/jobs", cursor=cursor, limit=limit)

    def batch_jobs(self, batch_id: str) -> Iterator[Job]:
        """Go through all jobs of a batch, a page in memory at a time; raises as `job` does."""
        return self._pages(f"{_address(batch_id)}/jobs", limit=_PAGE)

    def cancel_batch(self, batch_id: str) -> Batch:
        """Cancel what has not ended; results so far stay. Raises as `job` does."""
        return Batch.from_answer(content(self._connection.ask("POST", f"{_address(batch_id)}/cancel")))

    def erase_batch(self, batch_id: str) -> None:
        """Cancel what has not ended and erase the batch, its jobs and their images; raises as `job` does."""
        self._connection.ask("DELETE", _address(batch_id))

    def _page(self, path: str, *, cursor: int, limit: int, **wish: str) -> JobPage:
        params = {"cursor": cursor, "limit": limit, **wish}
        return JobPage.from_answer(content(self._connection.ask("GET", path, params=params)))

    def _pages(self, path: str, *, limit: int, **wish: str) -> Iterator[Job]:
        cursor: int | None = 0
        while cursor is not None:
            page = self._page(path, cursor=cursor, limit=limit, **wish)
            yield from page.jobs
            cursor = page.next_cursor

    def _ask_for_job(self, job_id: str, *, wait_seconds: float) -> httpx.Response:
        params = {"wait": f"{wait_seconds:g}"} if wait_seconds > 0 else {}
        timeout = self._timeout_seconds + wait_seconds
        return self._connection.ask("GET", _job_address(job_id), params=params, timeout=timeout)


def _job_address(job_id: str) -> str:
    return f"/api/v1/jobs/{quote(job_id, safe='')}"


def _address(batch_id: str) -> str:
    return f"{_BATCHES}/{quote(batch_id, safe='')}"
