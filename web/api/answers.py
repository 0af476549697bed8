"""Parts that the routes of the API share: conditional answers and the description of problems."""

from typing import Annotated, Any, TypeAlias

from flask import Response, request
from pydantic import BaseModel, Field

from common.webhooks import LONGEST_URL
from web.problems import CONTENT_TYPE, Problem

JSON = "application/json"

_PROBLEM_CONTENT = {CONTENT_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}


WebhookUrl = Annotated[str, Field(max_length=LONGEST_URL, json_schema_extra={"format": "uri"})]

Described: TypeAlias = dict[str | int, type[BaseModel] | dict[Any, Any] | None]


def problems(*statuses: int) -> Described:
    """Describe that these statuses come with a problem+json body."""
    return {status: {"content": _PROBLEM_CONTENT} for status in statuses}


def empty() -> Response:
    """Say that there is nothing more to say: 204, and no type of a body that there is not."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def conditional(response: Response, *, etag: str) -> Response:
    """Let a client that has this version get 304 instead; each use asks again, for a job can be erased."""
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
