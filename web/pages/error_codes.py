"""The error codes of the API as a table: status, whether waiting helps, and what they mean in the reader's language."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Final

from common.errors import ConfigurationError, DentiqError, JobError, WebhookError
from web.sentences import known_codes, sentence

# What no class of ours describes has the name of its status; these statuses have others in Python.
_STATUSES: Final = {"uri_too_long": 414, "headers_too_large": 431}


@dataclass(frozen=True)
class ErrorCode:
    """One code.

    Attributes:
        code: As programs compare it.
        status: Of the answer; 0 where it stands in a job or a delivery alone.
        retryable: Whether the same request can succeed later.
        sentence: What it means and what to do.
    """

    code: str
    status: int
    retryable: bool
    sentence: str


def error_codes() -> dict[int, list[ErrorCode]]:
    """List all codes that have a sentence, by status; those without an answer of their own last."""
    kinds = {kind.code: kind for kind in _tree(DentiqError)}
    found = [_described(code, kinds.get(code)) for code in known_codes()]
    ordered = sorted(found, key=lambda error: (error.status or 1000, error.code))
    return {status: list(errors) for status, errors in groupby(ordered, key=lambda error: error.status)}


def _described(code: str, kind: type[DentiqError] | None) -> ErrorCode:
    if kind is None:
        status = _STATUSES.get(code) or HTTPStatus[code.upper()].value
        return ErrorCode(code, status, retryable=False, sentence=sentence(code))
    status = 0 if issubclass(kind, (JobError, WebhookError)) else kind.http_status
    return ErrorCode(code, status, kind.retryable, sentence(code))


def _tree(kind: type[DentiqError]) -> Iterator[type[DentiqError]]:
    yield kind
    for narrower in kind.__subclasses__():
        if narrower is not ConfigurationError:
            yield from _tree(narrower)
