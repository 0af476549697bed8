"""Reading the one image of a request: multipart field `image`, or the raw body under an `image/*` type."""

from dataclasses import dataclass

from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from common.errors import (
    ImageMissingError,
    ImageRejectedError,
    ImageTooLargeError,
    InvalidRequestError,
    TooManyPartsError,
)

FIELD = "image"

# Boundaries, part headers and small fields beside the image; 100 parts of 600 bytes fit.
_FRAMING_BYTES = 64 * 1024

# What a sender of too much may still send before it is cut off: it hears the answer only once it has sent all.
_DRAIN_BYTES = 64 * 1024 * 1024
_DRAIN_CHUNK = 256 * 1024

_HOW = (
    f"Send it as multipart field `{FIELD}` (curl -F {FIELD}=@photo.jpg URL), "
    "or as the raw body with a Content-Type that begins with image/."
)


@dataclass(frozen=True)
class Upload:
    """One image as it was sent, unchecked.

    Attributes:
        data: Its bytes.
        filename: As the sender called it.
        fault: Why there are no bytes, where they could not be got out of what was sent.
    """

    data: bytes
    filename: str | None
    fault: ImageRejectedError | None = None


def read_upload(request: Request, *, max_bytes: int, max_parts: int) -> Upload:
    """Take the image out of a request.

    Args:
        max_bytes: Most bytes of the image.
        max_parts: Most parts of a multipart form.

    Raises:
        ImageMissingError: The request carries no image where one is looked for.
        ImageTooLargeError: The body is larger than an allowed image can make it.
        TooManyPartsError: The form has more parts than allowed.
        InvalidRequestError: The form has more than one image.
    """
    request.max_content_length = max_bytes + _FRAMING_BYTES
    # A form may be all memory that its length allows; the number of parts has a limit of its own.
    request.max_form_memory_size = request.max_content_length
    request.max_form_parts = max_parts
    _refuse_declared_length(request, max_bytes)
    try:
        return _read(request)
    except RequestEntityTooLarge as error:
        drain(request)
        if request.content_length is None:
            raise _too_large(max_bytes) from error
        raise TooManyPartsError(
            f"The form has more than {max_parts} parts; send one image in a request, in field `{FIELD}`."
        ) from error


def _read(request: Request) -> Upload:
    if request.mimetype == "multipart/form-data":
        return _from_form(request)
    if request.mimetype.startswith("image/"):
        return Upload(request.get_data(cache=False), request.args.get("filename"))
    sent = f"Content-Type {request.mimetype!r}" if request.mimetype else "no Content-Type"
    raise ImageMissingError(f"The request carries no image (it came with {sent}). {_HOW}")


def _from_form(request: Request) -> Upload:
    files = request.files.getlist(FIELD)
    if len(files) > 1:
        raise InvalidRequestError(f"The form has {len(files)} images; send one in a request.")
    if FIELD in request.form:
        raise ImageMissingError(f"Field `{FIELD}` came as text, not as a file (curl -F {FIELD}=@photo.jpg URL).")
    # A page's form without a chosen file sends the field with an empty name.
    if not files or (not files[0].filename and not files[0].content_length and not files[0].read(1)):
        raise ImageMissingError(f"The form carries no file in field `{FIELD}` ({fields_sent(request)}). {_HOW}")
    files[0].seek(0)
    return Upload(files[0].read(), files[0].filename)


def fields_sent(request: Request) -> str:
    """Name the fields of a form that was read."""
    names = sorted({*request.form, *request.files})
    return f"it has the fields {', '.join(names)[:200]}" if names else "it has no field"


def _refuse_declared_length(request: Request, max_bytes: int) -> None:
    limit = request.max_content_length
    if limit is not None and request.content_length is not None and request.content_length > limit:
        drain(request)
        raise _too_large(max_bytes, sent=request.content_length)


def _too_large(max_bytes: int, *, sent: int | None = None) -> ImageTooLargeError:
    found = "more than that" if sent is None else f"{sent / 1_000_000:.1f} MB"
    return ImageTooLargeError(
        f"An image may have {max_bytes / 1_000_000:.1f} MB; the request has {found}. "
        "Send a smaller or more strongly compressed copy."
    )


def drain(request: Request) -> None:
    """Read on for a while: a server that closes with bytes unread resets the connection, and the answer is lost."""
    stream = request.environ.get("wsgi.input")
    if stream is None:
        return
    declared = request.content_length
    left = _DRAIN_BYTES if declared is None else min(declared, _DRAIN_BYTES)
    try:
        while left > 0 and (chunk := stream.read(min(left, _DRAIN_CHUNK))):
            left -= len(chunk)
    except (OSError, ClientDisconnected):
        return
