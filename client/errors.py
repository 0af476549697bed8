"""What a caller of the client can meet; no exception of the HTTP library leaves it.

DentiqClientError
|-- RequestRefusedError      the server answered with a problem: a wrong image, an unknown job
|-- ServerUnreachableError   no answer, or none that was not "later", after all tries
|-- UnexpectedAnswerError    an answer that is not dentiq's: another server, or a proxy's error page
`-- StillRunningError        the job was not finished within the time that the caller gave it
"""


class DentiqClientError(Exception):
    """Something that the client could not do; the text says why."""


class RequestRefusedError(DentiqClientError):
    """The server refused a request, for good.

    Attributes:
        status: HTTP status.
        code: Stable slug, such as `image_truncated`.
        title: Short name, the same for every occurrence.
        detail: What was sent, what was expected, what to do.
    """

    def __init__(self, *, status: int, code: str, title: str, detail: str) -> None:
        super().__init__(detail or title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail


class ServerUnreachableError(DentiqClientError):
    """The server did not answer, or said "later" every time."""


class UnexpectedAnswerError(DentiqClientError):
    """The answer is not one of a dentiq server."""


class StillRunningError(DentiqClientError):
    """The job is not finished yet; it goes on, and its id finds it."""
