"""The tree of errors that dentiq raises on purpose: each fixes a code, an HTTP status and whether a retry helps.

    DentiqError
    |-- InvalidRequestError            the sender must change something
    |   |-- ImageRejectedError         the bytes are no image that dentiq accepts
    |   |   |-- ImageMissingError          no image in the request
    |   |   |-- ImageEmptyError            zero bytes
    |   |   |-- ImageTooLargeError         more bytes than allowed
    |   |   |-- ImageFormatError           not a supported image format
    |   |   |-- ImageTooSmallError         fewer pixels than a classification needs
    |   |   |-- ImageTooManyPixelsError    more pixels than a worker may decode
    |   |   |-- ImageTruncatedError        the file ends before its picture does
    |   |   `-- ImageCorruptError          the decoder gave up
    |   |-- TooManyPartsError          a form with more parts than allowed
    |   |-- ArchiveError               a zip archive that cannot be taken
    |   |   |-- ArchiveTooLargeError       more bytes or entries than allowed
    |   |   `-- ArchiveCorruptError        not a zip archive, or a damaged one
    |   |-- IdempotencyConflictError   a used Idempotency-Key with another body
    |   |-- JobNotFoundError             no job under this id (never made, erased, or past retention)
    |   |-- ExplanationUnavailableError  there is no heat map of this job
    |   |-- BatchNotFoundError           no batch under this id
    |   `-- BatchClosedError             the batch was cancelled and takes no more images
    |-- UnavailableError               dentiq cannot take or do work now; later it can
    |   |-- JobStoreUnavailableError       Redis does not answer or refuses writes
    |   |-- ExplanationPendingError        the heat map is not drawn yet
    |   |-- StorageUnavailableError        the storage does not answer
    |   `-- StorageFullError               the storage has no room
    |-- JobError                       why an accepted job failed, beside the image errors
    |   |-- StoredImageMissingError        the accepted image is gone from the storage
    |   |-- PoisonJobError                 the job took its worker down on every attempt
    |   `-- InferenceError                 the network failed on this image
    |-- ModelError                     a model version cannot serve
    |   |-- ModelNotFoundError             no such version, or no current one
    |   `-- ModelInvalidError              checksum, manifest or self-test is wrong
    `-- ConfigurationError             dentiq refuses to start like this
        `-- UnsafeRedisError               this Redis would drop accepted jobs

Every other exception that leaves one of our modules is a bug: foreign exceptions are translated where the library is
called.
"""

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


class ImageTruncatedError(ImageRejectedError):
    """The file ends before its picture does."""

    code = "image_truncated"
    title = "Truncated image"


class ImageCorruptError(ImageRejectedError):
    """The decoder could not read the picture."""

    code = "image_corrupt"
    title = "Corrupt image"


class TooManyPartsError(InvalidRequestError):
    """The form has more parts than allowed."""

    code = "too_many_parts"
    http_status = 413
    title = "Too many form parts"


class ArchiveError(InvalidRequestError):
    """The zip archive cannot be taken."""

    code = "archive_rejected"
    http_status = 422
    title = "Archive rejected"


class ArchiveTooLargeError(ArchiveError):
    """The archive has more bytes or entries than allowed."""

    code = "archive_too_large"
    http_status = 413
    title = "Archive too large"


class ArchiveCorruptError(ArchiveError):
    """The file is no zip archive, or a damaged one."""

    code = "archive_corrupt"
    title = "Archive corrupt"


class IdempotencyConflictError(InvalidRequestError):
    """The Idempotency-Key was used before with another body."""

    code = "idempotency_conflict"
    http_status = 422
    title = "Idempotency-Key used for another request"


class JobNotFoundError(InvalidRequestError):
    """No job is stored under this id."""

    code = "job_not_found"
    http_status = 404
    title = "Job not found"


class ExplanationUnavailableError(InvalidRequestError):
    """There is no heat map of this job."""

    code = "explanation_unavailable"
    http_status = 404
    title = "No explanation"


class BatchNotFoundError(InvalidRequestError):
    """No batch is stored under this id."""

    code = "batch_not_found"
    http_status = 404
    title = "Batch not found"


class BatchClosedError(InvalidRequestError):
    """The batch was cancelled and takes no more images."""

    code = "batch_closed"
    http_status = 409
    title = "Batch closed"


class UnavailableError(DentiqError):
    """Dentiq cannot take or do this work now; the same request can succeed later."""

    code = "unavailable"
    http_status = 503
    retryable = True
    title = "Temporarily unavailable"


class JobStoreUnavailableError(UnavailableError):
    """Redis does not answer, or refuses writes."""

    code = "job_store_unavailable"
    title = "Job store unavailable"


class ExplanationPendingError(UnavailableError):
    """The heat map is not drawn yet."""

    code = "explanation_pending"
    title = "Explanation not drawn yet"


class StorageUnavailableError(UnavailableError):
    """The image storage does not answer."""

    code = "storage_unavailable"
    title = "Storage unavailable"


class StorageFullError(UnavailableError):
    """The image storage has no room."""

    code = "storage_full"
    http_status = 507
    title = "Storage full"


class JobError(DentiqError):
    """An accepted job failed for a reason that is not in its image."""

    code = "job_failed"
    title = "Job failed"


class StoredImageMissingError(JobError):
    """The accepted image is gone from the storage."""

    code = "stored_image_missing"
    title = "Stored image missing"


class PoisonJobError(JobError):
    """The job took its worker down, or outlived its lease, on every attempt."""

    code = "poison"
    title = "Job stopped its worker"


class InferenceError(JobError):
    """The network failed on this image."""

    code = "inference_failed"
    retryable = True
    title = "Inference failed"


class ModelError(DentiqError):
    """A model version cannot serve."""

    code = "model_error"
    http_status = 503
    title = "Model cannot serve"


class ModelNotFoundError(ModelError):
    """The model store holds no such version, or names no current one."""

    code = "model_not_found"
    title = "Model not found"


class ModelInvalidError(ModelError):
    """A checksum, the manifest or the self-test of a version is wrong."""

    code = "model_invalid"
    title = "Model invalid"


class ConfigurationError(DentiqError):
    """Dentiq refuses to start with these settings or this environment."""

    code = "configuration_error"
    title = "Wrong configuration"


class UnsafeRedisError(ConfigurationError):
    """This Redis would drop accepted jobs."""

    code = "unsafe_redis"
    http_status = 503
    title = "Redis would drop jobs"
