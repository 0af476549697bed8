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
    |   |   |-- ImageTooComplexError       it would keep a decoder busy for too long
    |   |   |-- ImageTruncatedError        the file ends before its picture does
    |   |   |-- ImageCorruptError          the decoder gave up
    |   |   `-- ArchiveEntryError          it cannot be got out of its archive
    |   |       |-- EntryEncryptedError        it needs a password
    |   |       |-- EntryMethodError           it is packed by a method that is not taken
    |   |       `-- EntryDamagedError          it does not unpack
    |   |-- TooManyPartsError          a form with more parts than allowed
    |   |-- ArchiveError               a zip archive that cannot be taken
    |   |   |-- ArchiveTooLargeError       more bytes or entries than allowed
    |   |   |-- ArchiveEmptyError          no file in it
    |   |   `-- ArchiveCorruptError        not a zip archive, or a damaged one
    |   |-- IdempotencyConflictError   a used Idempotency-Key with another body
    |   |-- JobNotFoundError             no job under this id (never made, erased, or past retention)
    |   |-- ExplanationUnavailableError  there is no heat map of this job
    |   |-- ResultMissingError           the job has no result that could be corrected
    |   |-- CorrectionInvalidError       a correction that names no label
    |   |-- BatchNotFoundError           no batch under this id
    |   |-- BatchClosedError             the batch was cancelled and takes no more images
    |   |-- WebhookUrlError              a webhook cannot go to this address
    |   `-- WebhooksDisabledError        this server sends no webhooks
    |-- AccessError                    the sender may not do this, or not now
    |   |-- KeyMissingError                an API key is needed and none came
    |   |-- KeyInvalidError                no API key, or a revoked one
    |   |-- ScopeMissingError              the API key is good for other things
    |   `-- TooManyRequestsError           asked too often
    |-- UnavailableError               dentiq cannot take or do work now; later it can
    |   |-- JobStoreUnavailableError       Redis does not answer or refuses writes
    |   |   `-- RedisLoginError                its password is wrong or missing, or its user lacks rights
    |   |-- StorageUnavailableError        the storage does not answer
    |   |   `-- StorageUnreachableError        one at a distance answers nobody
    |   `-- StorageFullError               the storage has no room
    |-- JobError                       why an accepted job failed, beside the image errors
    |   |-- StoredImageMissingError        the accepted image is gone from the storage
    |   |-- PoisonJobError                 the job took its worker down on every attempt
    |   `-- InferenceError                 the network failed on this image
    |-- WebhookError                   why a webhook was not delivered
    |   |-- WebhookAddressError            its name leads to an address that webhooks may not go to
    |   |-- WebhookUnreachableError        the receiver is away or breaks off
    |   `-- WebhookTimeoutError            the receiver does not answer in time
    |-- ModelError                     a model version cannot serve
    |   |-- ModelNotFoundError             no such version, or no current one
    |   |-- ModelStoreUnreachableError     nobody answers where the versions are
    |   `-- ModelInvalidError              checksum, manifest or self-test is wrong
    `-- ConfigurationError             dentiq refuses to start like this
        `-- UnsafeRedisError               this Redis is not fit to keep jobs

Every other exception that leaves one of our modules is a bug: foreign exceptions are translated where the library is
called.
"""

from common.errors.access import (
    AccessError,
    KeyInvalidError,
    KeyMissingError,
    ScopeMissingError,
    TooManyRequestsError,
)
from common.errors.base import (
    DentiqError,
    InvalidRequestError,
    UnavailableError,
)
from common.errors.images import (
    ArchiveEntryError,
    EntryDamagedError,
    EntryEncryptedError,
    EntryMethodError,
    ImageCorruptError,
    ImageEmptyError,
    ImageFormatError,
    ImageMissingError,
    ImageRejectedError,
    ImageTooComplexError,
    ImageTooLargeError,
    ImageTooManyPixelsError,
    ImageTooSmallError,
    ImageTruncatedError,
)
from common.errors.jobs import (
    InferenceError,
    JobError,
    PoisonJobError,
    StoredImageMissingError,
)
from common.errors.outages import (
    JobStoreUnavailableError,
    RedisLoginError,
    StorageFullError,
    StorageUnavailableError,
    StorageUnreachableError,
)
from common.errors.requests import (
    ArchiveCorruptError,
    ArchiveEmptyError,
    ArchiveError,
    ArchiveTooLargeError,
    BatchClosedError,
    BatchNotFoundError,
    CorrectionInvalidError,
    ExplanationUnavailableError,
    IdempotencyConflictError,
    JobNotFoundError,
    ResultMissingError,
    TooManyPartsError,
)
from common.errors.serving import (
    ConfigurationError,
    ModelError,
    ModelInvalidError,
    ModelNotFoundError,
    ModelStoreUnreachableError,
    UnsafeRedisError,
)
from common.errors.webhooks import (
    WebhookAddressError,
    WebhookError,
    WebhooksDisabledError,
    WebhookTimeoutError,
    WebhookUnreachableError,
    WebhookUrlError,
)

__all__ = [
    "AccessError",
    "ArchiveCorruptError",
    "ArchiveEmptyError",
    "ArchiveEntryError",
    "ArchiveError",
    "ArchiveTooLargeError",
    "BatchClosedError",
    "BatchNotFoundError",
    "ConfigurationError",
    "CorrectionInvalidError",
    "DentiqError",
    "EntryDamagedError",
    "EntryEncryptedError",
    "EntryMethodError",
    "ExplanationUnavailableError",
    "IdempotencyConflictError",
    "ImageCorruptError",
    "ImageEmptyError",
    "ImageFormatError",
    "ImageMissingError",
    "ImageRejectedError",
    "ImageTooComplexError",
    "ImageTooLargeError",
    "ImageTooManyPixelsError",
    "ImageTooSmallError",
    "ImageTruncatedError",
    "InferenceError",
    "InvalidRequestError",
    "JobError",
    "JobNotFoundError",
    "JobStoreUnavailableError",
    "KeyInvalidError",
    "KeyMissingError",
    "ModelError",
    "ModelInvalidError",
    "ModelNotFoundError",
    "ModelStoreUnreachableError",
    "PoisonJobError",
    "RedisLoginError",
    "ResultMissingError",
    "ScopeMissingError",
    "StorageFullError",
    "StorageUnavailableError",
    "StorageUnreachableError",
    "StoredImageMissingError",
    "TooManyPartsError",
    "TooManyRequestsError",
    "UnavailableError",
    "UnsafeRedisError",
    "WebhookAddressError",
    "WebhookError",
    "WebhookTimeoutError",
    "WebhookUnreachableError",
    "WebhookUrlError",
    "WebhooksDisabledError",
]
