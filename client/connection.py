"""One server as seen by HTTP: requests that are tried again, refusals and strangers told apart."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from client.errors import DentiqClientError, RequestRefusedError, ServerUnreachableError, UnexpectedAnswerError
from client.retries import RETRIED_STATUSES, RequestRetries

DEFAULT_SERVER = "http://127.0.0.1:5000"


class Connection:
    """Send requests to one server; safe to share between threads.

    Args:
        server: Its address.
        api_key: Sent with each request.
        timeout_seconds: Longest silence of the server within one request.
        retries: How often a request is tried again.
        transport: Another transport of httpx.
        sleep: Waits.
    """

    def __init__(  # noqa: PLR0913  all but the first by name
        self,
        server: str,
        *,
        api_key: str = "",
        timeout_seconds: float,
        retries: RequestRetries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server.rstrip("/")
        self._retries = retries or RequestRetries()
        self._sleep = sleep
        self._has_answered = False
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds)),
            transport=transport,
            headers={"Accept": "application/json"} | _authorization(api_key),
        )

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request until it is answered.

        Args:
            method: Of HTTP.
            path: On the server, quoted.
            arguments: As `httpx.Client.build_request` takes them.

        Raises:
            RequestRefusedError: The answer is a problem.
            ServerUnreachableError: There is no answer, after all tries.
            UnexpectedAnswerError: The answer is not dentiq's.
        """
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
            request = self._http.build_request(method, f"{self._server}{path}", **arguments)
            # The body in one piece: it is in memory anyway, and each part of a form would be two trips to the socket.
            request.read()
            answer = self._http.send(request)
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


def _authorization(api_key: str) -> dict[str, str]:
    """Make the header of a key.

    Raises:
        DentiqClientError: The text cannot be one: a header would be sent that holds something else.
    """
    if not api_key:
        return {}
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise DentiqClientError("The API key holds characters that no key has; copy it again, without line breaks.")
    return {"Authorization": f"Bearer {api_key}"}


def content(answer: httpx.Response) -> Any:
    """Read the JSON of an answer.

    Raises:
        UnexpectedAnswerError: It is none.
    """
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
