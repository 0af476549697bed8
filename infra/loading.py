"""Gunicorn's threaded worker while it loads the application, which may refuse to start."""

import sys
import time
from pathlib import Path
from typing import Final

from gunicorn.errors import AppImportError
from gunicorn.workers.gthread import ThreadWorker

from common.errors import ConfigurationError
from infra.spokesman import Spokesman
from infra.web_processes import ready

# Between two attempts beside processes that answer: each costs the machine about a second of computing.
_RETRY_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.1


class LoadingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Load the application; refused, end the server where nobody answers yet, and try again where others do."""

    # Says why the application does not start.
    spokesman: Spokesman | None = None
    # Where the processes that answer say so.
    data_dir: Path | None = None

    def load_wsgi(self) -> None:
        """Load the application; where it refuses to start, say why in a sentence."""
        try:
            super().load_wsgi()
        except ConfigurationError as error:
            if self.data_dir is not None and ready(self.data_dir) - {self.pid}:
                # It started once and may start again, as after a password that changed; others do not end for this one.
                self.log.error("This process cannot start and tries again. dentiq web: %s", error.message)
                self._leave_later()
            # One speaks for all: gunicorn fails at a second one of these while it ends for the first.
            if self.spokesman is not None and not self.spokesman.is_this_process():
                self._leave_later()
            raise AppImportError(f"dentiq web: {error.message}") from error

    def _leave_later(self) -> None:
        """End this process after a pause, or at a signal; gunicorn makes another one at once."""
        end = time.monotonic() + _RETRY_SECONDS
        while self.alive and time.monotonic() < end:
            self.notify()
            time.sleep(_LOOK_SECONDS)
        sys.exit()
