"""Why a request is not accepted, beside its image."""

from common.errors.base import InvalidRequestError


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


class ArchiveEmptyError(ArchiveError):
    """The archive has no file in it."""

    code = "archive_empty"
    title = "Archive empty"


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


class ResultMissingError(InvalidRequestError):
    """The job has no result, or none yet."""

    code = "result_missing"
    http_status = 409
    title = "No result"


class CorrectionInvalidError(InvalidRequestError):
    """The correction names no label that there is."""

    code = "correction_invalid"
    http_status = 422
    title = "Correction invalid"
