"""Why a part does not start, or a model version does not serve."""

from common.errors.base import DentiqError


class ModelError(DentiqError):
    """A model version cannot serve."""

    code = "model_error"
    http_status = 503
    title = "Model cannot serve"


class ModelNotFoundError(ModelError):
    """The model store holds no such version, or names no current one."""

    code = "model_not_found"
    title = "Model not found"


class ModelStoreUnreachableError(ModelError):
    """The model store is at a distance and nobody answers there; what is loaded goes on."""

    code = "model_store_unreachable"
    retryable = True
    title = "Model store out of reach"


class ModelInvalidError(ModelError):
    """A checksum, the manifest or the self-test of a version is wrong."""

    code = "model_invalid"
    title = "Model invalid"


class ConfigurationError(DentiqError):
    """Dentiq refuses to start, or to take jobs, with these settings or this environment."""

    code = "configuration_error"
    title = "Wrong configuration"


class UnsafeRedisError(ConfigurationError):
    """This Redis is not fit to keep jobs."""

    code = "unsafe_redis"
    http_status = 503
    title = "Redis is not fit to keep jobs"
