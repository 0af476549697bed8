"""The pointers of a model store at a distance: asked for each second, and waited for by nobody who knows one."""

import time
from collections.abc import Callable
from typing import Final

from structlog import get_logger

from common.errands import Errands
from common.errors import StorageUnavailableError

log = get_logger(__name__)

# A promotion is seen within this time and the one in which a worker looks (worker/serving.py).
_FRESH_SECONDS: Final = 1.0

# Ten times what a store in the same region takes for a small object. Whoever asks does not wait longer: between two
# chunks stands a person's photograph. An answer that comes later counts at the next look.
PATIENCE_SECONDS: Final = 0.25

# While nobody answers, one asks for a pointer this often.
_REST_SECONDS: Final = 5.0
_NEVER: Final = float("-inf")


class RemotePointers:
    """Know what the pointers say.

    Args:
        read: Reads a small object; raises `FileNotFoundError` where there is none.
    """

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._known: dict[str, tuple[float, str]] = {}
        self._rests_until = _NEVER
        self._questions: Errands[None] = Errands()

    def is_known(self, name: str) -> bool:
        """Whether the store has ever answered."""
        return name in self._known

    def get(self, name: str) -> str:
        """Give what a pointer says, as of its last answer; empty where it says nothing, or nobody ever answered."""
        asked_at, _ = self._known.get(name, (_NEVER, ""))
        if time.monotonic() >= max(asked_at + _FRESH_SECONDS, self._rests_until):
            patience = PATIENCE_SECONDS if self.is_known(name) else None
            answered = self._questions.run(name, lambda: self._ask(name), patience_seconds=patience)
            if answered is not None:
                answered.result()
        return self._known.get(name, (_NEVER, ""))[1]

    def forget(self, name: str) -> None:
        """Ask anew: it was changed from here."""
        self._known.pop(name, None)

    def _ask(self, name: str) -> None:
        asked_at = time.monotonic()
        try:
            line = self._read(name).decode(errors="replace").strip()
        except FileNotFoundError:
            line = ""
        except StorageUnavailableError as error:
            _, known = self._known.get(name, (_NEVER, ""))
            log.warning("model_pointer_not_read", pointer=name, known=known, reason=error.log_reason)
            self._rests_until = time.monotonic() + _REST_SECONDS
            return
        self._known[name] = (asked_at, line)
