"""Reading the images of a request to a batch: repeated multipart field `images`, a zip in field `archive`, or both."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from flask import Request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from common.errors import ArchiveTooLargeError, ImageMissingError, InvalidRequestError, TooManyPartsError
from common.settings import Settings
from web.archives import read_archive
from web.multipart import Upload, drain, fields_sent

IMAGES_FIELD: Final = "images"
ARCHIVE_FIELD: Final = "archive"

_FRAMING_BYTES: Final = 256 * 1024

# What an archive may unpack to, in times of what it may have: JPEGs do not shrink in a zip, BMPs and TIFFs of
# photographs to a half or a third. 4 GiB by default; what grows more is no folder of photographs.
_UNPACKED_TIMES: Final = 4


def read_uploads(request: Request, settings: Settings) -> Iterator[Upload]:
    """Take the images out of a request; those of an archive are read while they are consumed.

    Files above 500 kB lie on disk (Werkzeug spools them), so a large archive costs no memory.

    Raises:
        ImageMissingError: The request carries no images.
        TooManyPartsError: It has more images than allowed.
        ArchiveError: The archive cannot be taken.
        InvalidRequestError: It has two archives, or something else than files in these fields.
    """
    limit = settings.max_archive_bytes + _FRAMING_BYTES
    request.max_content_length = limit
    request.max_form_memory_size = _FRAMING_BYTES
    request.max_form_parts = settings.max_batch_images + 8
    if request.content_length is not None and request.content_length > limit:
        drain(request)
        raise ArchiveTooLargeError(
            f"The request has {request.content_length / 1e6:.0f} MB; up to {limit / 1e6:.0f} MB are taken. "
            "Send it in parts."
        )
    try:
        images = [file for file in request.files.getlist(IMAGES_FIELD) if file.filename]
        archives = [file for file in request.files.getlist(ARCHIVE_FIELD) if file.filename]
    except RequestEntityTooLarge as error:
        drain(request)
        raise _too_many(settings) from error
    if len(images) > settings.max_batch_images:
        raise _too_many(settings)
    if len(archives) > 1:
        raise InvalidRequestError(f"The request has {len(archives)} archives; send one in a request.")
    _refuse_text(request)
    if not images and not archives:
        raise ImageMissingError(
            f"The request carries no images ({fields_sent(request)}); send them as repeated multipart field "
            f"`{IMAGES_FIELD}`, or a zip in field `{ARCHIVE_FIELD}`."
        )
    return chain(_read_images(images, settings), *(_read_archive(file, settings) for file in archives))


def _refuse_text(request: Request) -> None:
    """Refuse a field that came without a file name, which makes it text to every reader of forms."""
    for field in (IMAGES_FIELD, ARCHIVE_FIELD):
        if field in request.form:
            raise InvalidRequestError(
                f"Field `{field}` came as text, not as a file; send it with a file name (curl -F {field}=@FILE URL)."
            )


def _read_images(files: Sequence[FileStorage], settings: Settings) -> Iterator[Upload]:
    return (_upload(file, settings.max_upload_bytes) for file in files)


def _read_archive(file: FileStorage, settings: Settings) -> Iterator[Upload]:
    return read_archive(
        file.stream,
        max_entries=settings.max_archive_images,
        max_entry_bytes=settings.max_upload_bytes,
        max_unpacked_bytes=_UNPACKED_TIMES * settings.max_archive_bytes,
    )


def _upload(file: FileStorage, max_bytes: int) -> Upload:
    # One byte above the limit is enough for the check of images to refuse it.
    return Upload(file.stream.read(max_bytes + 1), file.filename)


def _too_many(settings: Settings) -> TooManyPartsError:
    return TooManyPartsError(
        f"A request may carry {settings.max_batch_images} images; send more in further requests to the same batch."
    )
