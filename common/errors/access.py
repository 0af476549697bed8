"""Why somebody is not let in, or not now."""

from common.errors.base import DentiqError


class AccessError(DentiqError):
    """The sender may not do this."""

    code = "access_refused"
    http_status = 403
    title = "Access refused"


class KeyMissingError(AccessError):
    """An API key is needed and none came."""

    code = "key_missing"
    http_status = 401
    title = "API key missing"


class KeyInvalidError(AccessError):
    """What came is no API key, or one that was revoked."""

    code = "key_invalid"
    http_status = 401
    title = "API key invalid"


class ScopeMissingError(AccessError):
    """The API key is good for other things."""

    code = "scope_missing"
    title = "API key lacks a scope"


class TooManyRequestsError(AccessError):
    """The sender asked too often.

    Attributes:
        retry_after_seconds: When the next request is taken.
    """

    code = "too_many_requests"
    http_status = 429
    retryable = True
    title = "Too many requests"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
