"""The answers to requests whose head is too long; gunicorn gives them before the application sees the request."""

import json
from dataclasses import dataclass
from typing import Final

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine


@dataclass(frozen=True)
class LongHead:
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


_LONG_LINE: Final = LongHead(
    414,
    "uri_too_long",
    "URI Too Long",
    "The address of the request is too long: send at most 4,000 bytes, with path and query.",
)
ENDLESS: Final = LongHead(
    431,
    "headers_too_large",
    "Request Header Fields Too Large",
    "The headers of the request are too many or too long: send at most 100, of at most 8,000 bytes each.",
)


def long_head(error: BaseException) -> LongHead | None:
    """Tell whether gunicorn refuses a request for the length of its head."""
    if isinstance(error, LimitRequestLine):
        return _LONG_LINE
    return ENDLESS if isinstance(error, LimitRequestHeaders) else None
