"""What is away or busy for now."""

from common.errors.base import UnavailableError


class JobStoreUnavailableError(UnavailableError):
    """Redis does not answer, or refuses writes."""

    code = "job_store_unavailable"
    title = "Job store unavailable"


class RedisLoginError(JobStoreUnavailableError):
    """Redis does not let us in, or not do what we must: no part starts so, and one that runs waits as in an outage."""

    code = "redis_login_refused"
    title = "Login at the job store refused"


class StorageUnavailableError(UnavailableError):
    """The image storage does not answer."""

    code = "storage_unavailable"
    title = "Storage unavailable"


class StorageUnreachableError(StorageUnavailableError):
    """A storage at a distance answers nobody, whatever is asked for: no job can help it, so it costs none a try."""

    code = "storage_unreachable"
    title = "Storage out of reach"


class StorageFullError(UnavailableError):
    """The image storage has no room."""

    code = "storage_full"
    http_status = 507
    title = "Storage full"
