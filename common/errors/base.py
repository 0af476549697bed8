"""What every error carries, and the kinds of errors by who must act."""

from typing import ClassVar


class DentiqError(Exception):
    """Carry a message for people and fixed facts for programs.

    Attributes:
        code: Stable slug that programs may compare.
        http_status: Status of an HTTP answer that reports this error.
        retryable: Whether the same request or job can succeed later without a change.
        title: Short English name, the same for every occurrence.
    """

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    title: ClassVar[str] = "Internal error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def log_reason(self) -> str:
        """The message with what caused it, for logs: causes may name hosts and paths that strangers need not know."""
        return f"{self.message} Cause: {self.__cause__}" if self.__cause__ else self.message


class InvalidRequestError(DentiqError):
    """The sender must change the request before it can succeed."""

    code = "invalid_request"
    http_status = 400
    title = "Invalid request"


class UnavailableError(DentiqError):
    """Dentiq cannot take or do this work now; the same request can succeed later."""

    code = "unavailable"
    http_status = 503
    retryable = True
    title = "Temporarily unavailable"
