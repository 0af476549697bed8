"""Reading the images of a request to a batch: repeated multipart field `images`, or one zip in field `archive`."""

from collections.abc import Iterator
from typing import Final

from flask import Request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from common.errors import ArchiveTooLargeError, ImageMissingError, InvalidRequestError, TooManyPartsError
from common.settings import Settings
from web.archives import read_archive
from web.multipart import Upload, drain

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
        InvalidRequestError: It has both, or two archives.
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
    if bool(images) + len(archives) > 1:
        raise InvalidRequestError("Send either images or one archive in a request, not both.")
    if archives:
        return read_archive(
            archives[0].stream,
            max_entries=settings.max_archive_images,
            max_entry_bytes=settings.max_upload_bytes,
            max_unpacked_bytes=_UNPACKED_TIMES * settings.max_archive_bytes,
        )
    if not images:
        raise ImageMissingError(
            f"The request carries no images; send them as repeated multipart field `{IMAGES_FIELD}`, "
            f"or a zip in field `{ARCHIVE_FIELD}`."
        )
    return (_upload(file, settings.max_upload_bytes) for file in images)


def _upload(file: FileStorage, max_bytes: int) -> Upload:
    # One byte above the limit is enough for the check of images to refuse it.
    return Upload(file.stream.read(max_bytes + 1), file.filename)


def _too_many(settings: Settings) -> TooManyPartsError:
    return TooManyPartsError(
        f"A request may carry {settings.max_batch_images} images; send more in further requests to the same batch."
    )
