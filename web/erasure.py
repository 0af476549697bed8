"""Erasing a job at a person's or a program's wish: record first, then the files."""

import structlog

from common.errors import UnavailableError
from common.storage import keys_of
from web.services import Services

_log = structlog.get_logger(__name__)


def erase_job(found: Services, job_id: str) -> None:
    """Cancel a job that has not ended and erase it; files that cannot be erased now are erased by the sweeper.

    Raises:
        JobNotFoundError: There is no such job.
        JobStoreUnavailableError: Redis does not answer.
    """
    found.store.erase(job_id)
    try:
        found.storage.delete_many(keys_of(job_id))
        found.store.confirm_erased([job_id])
    except UnavailableError as error:
        _log.warning("erasure_left_to_sweeper", job_id=job_id, reason=error.log_reason)
