"""The client of a dentiq server: submit an image, follow its job, list the models."""

import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from client.errors import (
    DentiqClientError,
    RequestRefusedError,
    ServerUnreachableError,
    StillRunningError,
    UnexpectedAnswerError,
)
from client.filenames import readable
from client.records import Job, Model
from client.retries import RETRIED_STATUSES, RequestRetries

DEFAULT_SERVER = "http://127.0.0.1:5000"

# The server's own limit for a long poll; a higher wish would be refused.
_LONGEST_POLL_SECONDS = 20.0
# Pauses between questions to a server that does not hold them: quick at first, then gentle.
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0


class Dentiq:
    """Talk to one server; usable as a context manager, safe to share between threads.

    Args:
        server: Its address, such as `http://127.0.0.1:5000`.
        timeout_seconds: Longest silence of the server within one request.
        retries: How often a request is tried again.
        transport: Another transport of httpx, such as a mock in tests.
        sleep: Waits; tests pass one that does not.
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        *,
        timeout_seconds: float = 30.0,
        retries: RequestRetries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server.rstrip("/")
        self._retries = retries or RequestRetries()
        self._sleep = sleep
        self._has_answered = False
        self._timeout_seconds = timeout_seconds
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds)),
            transport=transport,
            headers={"Accept": "application/json"},
        )

    def __enter__(self) -> "Dentiq":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def submit(self, image: bytes, *, filename: str, idempotency_key: str | None = None) -> Job:
        """Submit one image; when this returns, the server has made the job durable.

        Args:
            image: The bytes of an image file.
            filename: Its name, for people; bytes in it that are no text are replaced.
            idempotency_key: Names this submission: the same key again finds the job instead of making another. The
                retries of one call share a key in any case.

        Raises:
            RequestRefusedError: The image is not acceptable.
            ServerUnreachableError: The server does not answer, after all tries.
            UnexpectedAnswerError: The answer is not dentiq's.
        """
        answer = self._ask(
            "POST",
            "/api/v1/jobs",
            files={"image": (readable(filename), image)},
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
        )
        return Job.from_answer(_content(answer))

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
        return Job.from_answer(_content(self._ask_for_job(job_id, wait_seconds=wait_seconds)))

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
            job = Job.from_answer(_content(answer))
            if job.finished:
                return job
            now = time.monotonic()
            if now >= end:
                raise StillRunningError(f"The job {job.id} is still {job.status} after {timeout_seconds:g} s.")
            if now - asked < min(wish, _LONGEST_PAUSE_SECONDS):  # the server did not hold the question
                self._sleep(min(pause, end - now))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def models(self) -> list[Model]:
        """List the model versions.

        Raises:
            RequestRefusedError: The server cannot say.
            ServerUnreachableError: The server does not answer, after all tries.
            UnexpectedAnswerError: The answer is not dentiq's.
        """
        return Model.list_from_answer(_content(self._ask("GET", "/api/v1/models")))

    def _ask_for_job(self, job_id: str, *, wait_seconds: float) -> httpx.Response:
        params = {"wait": f"{wait_seconds:g}"} if wait_seconds > 0 else {}
        timeout = self._timeout_seconds + wait_seconds
        path = f"/api/v1/jobs/{quote(job_id, safe='')}"
        return self._ask("GET", path, params=params, timeout=timeout)

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request until it is answered; raise what the answer means if it is no success."""
        failed = 0
        while True:
            answer, reason = self._try(method, path, arguments)
            if answer is not None and answer.status_code not in RETRIED_STATUSES:
                if answer.is_success:
                    return answer
                raise _refusal(answer)
            failed += 1
            limit = self._retries.attempts if self._has_answered else self._retries.first_attempts
            if failed >= limit:
                raise ServerUnreachableError(f"{self._server} {reason} ({failed} tries).")
            retry_after = answer.headers.get("Retry-After") if answer is not None else None
            self._sleep(self._retries.pause_seconds(failed, retry_after=retry_after))

    def _try(self, method: str, path: str, arguments: dict[str, Any]) -> tuple[httpx.Response | None, str]:
        """Send a request once; the answer, or None, and what to say if that was the last try."""
        try:
            answer = self._http.request(method, f"{self._server}{path}", **arguments)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ServerUnreachableError(
                f"{self._server!r} is no address of a server; one looks like {DEFAULT_SERVER}."
            ) from error
        except httpx.TransportError as error:
            return None, f"does not answer: {str(error) or type(error).__name__}"
        except httpx.HTTPError as error:
            raise UnexpectedAnswerError(f"The answer of {self._server} cannot be read: {error}") from error
        self._has_answered = True
        return answer, f"cannot serve: {_detail(answer)}" if answer.is_error else ""


def _content(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise _stranger(answer) from error


def _refusal(answer: httpx.Response) -> DentiqClientError:
    # A proxy refuses too large a file by itself, before dentiq sees it.
    if "code" not in _problem(answer) and answer.status_code != 413:
        return _stranger(answer)
    problem = _problem(answer)
    return RequestRefusedError(
        status=answer.status_code,
        code=problem.get("code", f"http_{answer.status_code}"),
        title=problem.get("title", answer.reason_phrase),
        detail=_detail(answer),
    )


def _problem(answer: httpx.Response) -> dict[str, str]:
    """Read a problem+json; empty for another body."""
    try:
        content = answer.json()
    except ValueError:
        return {}
    return {name: str(value) for name, value in content.items()} if isinstance(content, dict) else {}


def _detail(answer: httpx.Response) -> str:
    return _problem(answer).get("detail") or f"it answers {answer.status_code} {answer.reason_phrase}"


def _stranger(answer: httpx.Response) -> UnexpectedAnswerError:
    address = answer.url.copy_with(path="/", query=None)
    return UnexpectedAnswerError(f"{address} answers {answer.status_code}, but not as dentiq does. Is it the address?")
