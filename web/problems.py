"""The one place where an error becomes an answer: problem+json for programs, a page for people."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from flask import Flask, Response, g, request
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestTimeout
from werkzeug.wrappers import Response as AnyResponse

from common.errors import DentiqError, InvalidRequestError, TooManyRequestsError
from web.pages.error_page import render_error_page
from web.pages.sign_in import lead_here

CONTENT_TYPE = "application/problem+json"

# Redis or a worker that restarts is back within a few seconds.
_RETRY_AFTER_SECONDS = 5

_PROGRAM_PATHS = ("/api/", "/healthz", "/readyz", "/metrics")

# Kind of a fault of validation whose message is a sentence of ours and stands as it is.
TOLD: Final = "told"

_log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """An error for programs, RFC 9457."""

    type: str = Field(
        description="URI of the kind of problem", json_schema_extra={"example": "urn:dentiq:problem:image_truncated"}
    )
    title: str = Field(description="Short English name, the same for every occurrence")
    status: int
    detail: str = Field(description="What was sent, what was expected and what to do, in English")
    code: str = Field(
        description="Stable slug that programs may compare", json_schema_extra={"example": "image_truncated"}
    )
    request_id: str = Field(description="Names this request in the server's log")


@dataclass(frozen=True)
class Fault:
    """What is wrong, before it is put into words for a program or a person."""

    status: int
    code: str
    title: str
    detail: str
    retry_after_seconds: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Say when to come back, for what passes by itself, and how to sign in."""
        if self.status == HTTPStatus.UNAUTHORIZED:
            return {"WWW-Authenticate": 'Bearer realm="dentiq"'}
        passes = self.status == HTTPStatus.SERVICE_UNAVAILABLE
        pause = self.retry_after_seconds or (_RETRY_AFTER_SECONDS if passes else None)
        return {"Retry-After": str(pause)} if pause else {}


def problem_response(fault: Fault, **extra: Any) -> Response:
    """Make a problem+json answer; extra members are added to it."""
    problem = Problem(
        type=f"urn:dentiq:problem:{fault.code}",
        title=fault.title,
        status=fault.status,
        detail=fault.detail,
        code=fault.code,
        request_id=g.get("request_id", ""),
    )
    body = orjson.dumps(problem.model_dump() | extra)
    return Response(body, status=fault.status, content_type=CONTENT_TYPE, headers=fault.headers)


def parameters_invalid(error: ValidationError) -> Response:
    """Answer a request whose path, query or headers do not fit their description."""
    sentences = map(_sentence, error.errors(include_url=False, include_context=False))
    kind = InvalidRequestError
    return problem_response(Fault(422, kind.code, kind.title, " ".join(sentences)))


def _sentence(fault: ErrorDetails) -> str:
    if fault["type"] == TOLD:
        return fault["msg"]
    if fault["loc"]:
        return f"{'.'.join(map(str, fault['loc']))} is {str(fault['input'])[:80]!r}: {fault['msg']}."
    return f"No JSON object was sent ({_what_came()}); send one, {{}} at least, with Content-Type: application/json."


def _what_came() -> str:
    if not request.is_json:
        return f"the Content-Type is {request.mimetype!r}" if request.mimetype else "there is no Content-Type"
    return "the body is empty" if not request.get_data() else "the body is something else"


def register_error_handlers(app: Flask) -> None:
    """Answer every exception of a request here."""
    app.register_error_handler(DentiqError, _answer_dentiq)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_bug)


def _answer_dentiq(error: DentiqError) -> AnyResponse:
    if error.http_status >= 500:
        _log.warning("request_failed", code=error.code, reason=error.log_reason)
    pause = error.retry_after_seconds if isinstance(error, TooManyRequestsError) else None
    return _answer(Fault(error.http_status, error.code, error.title, error.message, pause))


def _answer_http(error: HTTPException) -> AnyResponse:
    # A body that stopped coming: Werkzeug calls any fault of a socket a disconnection, but this sender still listens.
    if isinstance(error, ClientDisconnected) and isinstance(error.__context__, (BlockingIOError, TimeoutError)):
        error = RequestTimeout("The request stopped arriving half-way; check the connection, then send it again.")
    if error.response is not None:
        return error.get_response(request.environ)
    status = error.code or 500
    title = HTTPStatus(status).phrase
    code = title.lower().replace(" ", "_").replace("-", "_")
    answer = _answer(Fault(status, code, title, _http_detail(error, status)))
    # Redirects are answers too; 405 names the allowed methods.
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            answer.headers[name] = value
    return answer


def _http_detail(error: HTTPException, status: int) -> str:
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or []))
        return f"{request.method} is not allowed at {request.path}; allowed: {allowed}."
    if status == HTTPStatus.NOT_FOUND:
        return f"There is nothing at {request.path}."
    return error.description or HTTPStatus(status).phrase


def _answer_bug(error: Exception) -> AnyResponse:
    _log.error("request_crashed", exc_info=error)
    detail = "A fault of dentiq, not of the request. It is in the server's log under the request id."
    return _answer(Fault(500, DentiqError.code, DentiqError.title, detail))


def _answer(fault: Fault) -> AnyResponse:
    if request.path.startswith(_PROGRAM_PATHS):
        return problem_response(fault)
    if fault.status == HTTPStatus.UNAUTHORIZED:
        return lead_here(fault.status)
    page = render_error_page(status=fault.status, code=fault.code)
    page.headers.extend(fault.headers)
    return page
