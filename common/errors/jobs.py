"""Why an accepted job failed, for a reason that is not in its image."""

from common.errors.base import DentiqError


class JobError(DentiqError):
    """An accepted job failed for a reason that is not in its image."""

    code = "job_failed"
    title = "Job failed"


class StoredImageMissingError(JobError):
    """The accepted image is gone from the storage."""

    code = "stored_image_missing"
    http_status = 404
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
