"""Why the bytes of an image are not accepted."""

from common.errors.base import InvalidRequestError


class ImageRejectedError(InvalidRequestError):
    """The bytes are no image that dentiq accepts."""

    code = "image_rejected"
    http_status = 422
    title = "Image rejected"


class ImageMissingError(ImageRejectedError):
    """The request carries no image."""

    code = "image_missing"
    http_status = 400
    title = "No image in the request"


class ImageEmptyError(ImageRejectedError):
    """The image has zero bytes."""

    code = "image_empty"
    http_status = 400
    title = "Empty image"


class ImageTooLargeError(ImageRejectedError):
    """The image has more bytes than allowed."""

    code = "image_too_large"
    http_status = 413
    title = "Image file too large"


class ImageFormatError(ImageRejectedError):
    """The bytes are not a supported image format, whatever the file name says."""

    code = "image_format_unsupported"
    http_status = 415
    title = "Unsupported image format"


class ImageTooSmallError(ImageRejectedError):
    """The image has too few pixels to classify."""

    code = "image_too_small"
    title = "Image too small"


class ImageTooManyPixelsError(ImageRejectedError):
    """The image has more pixels than a worker may decode."""

    code = "image_too_many_pixels"
    title = "Image has too many pixels"


class ImageTooComplexError(ImageRejectedError):
    """Reading the image would take longer than its size explains."""

    code = "image_too_complex"
    title = "Image too complex"


class ImageTruncatedError(ImageRejectedError):
    """The file ends before its picture does."""

    code = "image_truncated"
    title = "Truncated image"


class ImageCorruptError(ImageRejectedError):
    """The decoder could not read the picture."""

    code = "image_corrupt"
    title = "Corrupt image"


class ArchiveEntryError(ImageRejectedError):
    """The image cannot be got out of its archive."""

    code = "entry_rejected"
    title = "Archive entry rejected"


class EntryEncryptedError(ArchiveEntryError):
    """The entry needs a password."""

    code = "entry_encrypted"
    title = "Encrypted archive entry"


class EntryMethodError(ArchiveEntryError):
    """The entry is packed by a method that cannot be unpacked within bounds."""

    code = "entry_method_unsupported"
    title = "Unsupported compression method"


class EntryDamagedError(ArchiveEntryError):
    """The entry does not unpack to what its archive says."""

    code = "entry_damaged"
    title = "Damaged archive entry"
