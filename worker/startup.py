"""What a worker makes sure of before its pool starts."""

import structlog

from common.errors import DentiqError, UnavailableError
from common.model_store import ModelStore
from common.redis_client import connect, require_durable
from common.settings import Settings

log = structlog.get_logger(__name__)


def refuse_unsafe_start(settings: Settings) -> None:
    """End the process with a sentence when it could not work or would lose jobs.

    A Redis that does not answer yet is no reason: Celery waits for it.

    Raises:
        SystemExit: The Redis would drop jobs, or no model can serve.
    """
    try:
        ModelStore(settings.model_store_dir).current()
        with connect(
            settings.effective_job_store_url, timeout_seconds=settings.redis_timeout_seconds, max_connections=4
        ) as client:
            require_durable(client)
    except UnavailableError as error:
        log.warning("redis_not_ready", reason=error.message)
    except DentiqError as error:
        raise SystemExit(f"dentiq worker: {error.message}") from error
