"""The answers to requests that are refused by their heads, before the application sees them."""

import json
from dataclasses import dataclass, replace
from typing import Final

from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    ForbiddenProxyRequest,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

# Of what the sender sent, said again to it: enough to find it by.
_MOST_CHARACTERS: Final = 200


@dataclass(frozen=True)
class RefusedHead:
    """Why a head is refused, in the words of RFC 9457; the members are those of `web.problems.Problem`."""

    status: int
    code: str
    title: str
    detail: str

    def answer(self, request_id: str) -> bytes:
        """Write the whole answer, after which the connection ends."""
        problem = {
            "type": f"urn:dentiq:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        }
        body = json.dumps(problem).encode()
        head = (
            f"HTTP/1.1 {self.status} {self.title}\r\nConnection: close\r\n"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


ENDLESS: Final = RefusedHead(
    431,
    "headers_too_large",
    "Request Header Fields Too Large",
    "The headers of the request are too many or too long: send at most 100, of at most 8,000 bytes each.",
)
TOO_LONG: Final = RefusedHead(
    413,
    "request_entity_too_large",
    "Request Entity Too Large",
    "The request announces a body longer than any that is taken here. Send it in parts.",
)
_LONG_LINE: Final = RefusedHead(
    414,
    "uri_too_long",
    "URI Too Long",
    "The address of the request is too long: send at most 4,000 bytes, with path and query.",
)
# RFC 9112, section 6.1, wants this status, though the fault is the sender's.
_UNKNOWN_CODING: Final = RefusedHead(
    501,
    "not_implemented",
    "Not Implemented",
    "The body of the request is coded in a way that is not taken: send it plain.",
)
_UNKNOWN_EXPECTATION: Final = RefusedHead(
    417,
    "expectation_failed",
    "Expectation Failed",
    "The request expects something else than 100-continue: leave it out.",
)
_MALFORMED: Final = RefusedHead(
    400, "bad_request", "Bad Request", "The head of the request cannot be read ({}). Have an HTTP library write it."
)

# All of them: web, which cannot know this module, has each in its description and its sentences.
REFUSED_HEADS: Final = (ENDLESS, TOO_LONG, _LONG_LINE, _UNKNOWN_CODING, _UNKNOWN_EXPECTATION, _MALFORMED)

# Not the sender's doing.
_OURS: Final = (ConfigurationProblem, ForbiddenProxyRequest, InvalidResponseHeader, InvalidResponseHeaderName)
_OF_THEIR_OWN: Final = {
    LimitRequestLine: _LONG_LINE,
    LimitRequestHeaders: ENDLESS,
    UnsupportedTransferCoding: _UNKNOWN_CODING,
    ExpectationFailed: _UNKNOWN_EXPECTATION,
}


def refused_head(error: BaseException) -> RefusedHead | None:
    """Tell why gunicorn refuses a request, where that is what its sender sent."""
    if not isinstance(error, ParseException) or isinstance(error, _OURS):
        return None
    found = _OF_THEIR_OWN.get(type(error))
    return found or replace(_MALFORMED, detail=_MALFORMED.detail.format(str(error)[:_MOST_CHARACTERS]))
