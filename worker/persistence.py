"""Holding on to a finished piece of work while Redis is away."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from structlog import get_logger

from common.errors import JobStoreUnavailableError

T = TypeVar("T")
log = get_logger(__name__)

# A restarted Redis reads its file and answers within seconds; after half a minute somebody else has the jobs anyway.
_PATIENCE_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.2


def until_redis_answers(write: Callable[[], T], *, patience_seconds: float = _PATIENCE_SECONDS) -> T:
    """Repeat a write of the job store until it goes through; all of them may safely be sent twice.

    Without this a restart of Redis would throw away the chunk and cost each of its jobs an attempt.

    Raises:
        JobStoreUnavailableError: Redis stayed away for too long.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return write()
        except JobStoreUnavailableError as error:
            if time.monotonic() >= deadline:
                raise
            log.warning("write_delayed", reason=error.log_reason)
            time.sleep(_PAUSE_SECONDS)
