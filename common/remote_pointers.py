"""The pointers of a model store at a distance: asked for each second, and waited for by nobody who knows one."""

import time
from collections import Counter
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
_UNKNOWN: Final = (_NEVER, "")


class RemotePointers:
    """Know what the pointers say.

    Args:
        read: Reads a small object; raises `FileNotFoundError` where there is none.
    """

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        # When it was asked for and what it said, by name and number of changes from here: what was asked before a
        # change may come after it, and counts no more.
        self._known: dict[tuple[str, int], tuple[float, str]] = {}
        self._changes: Counter[str] = Counter()
        self._rests_until = _NEVER
        self._questions: Errands[None] = Errands()

    def is_known(self, name: str) -> bool:
        """Whether the store has ever answered, since a change from here."""
        return self._key(name) in self._known

    def get(self, name: str) -> str:
        """Give what a pointer says, as of its last answer; empty where it says nothing, or nobody ever answered."""
        key = self._key(name)
        asked_at, _ = self._known.get(key, _UNKNOWN)
        if time.monotonic() >= max(asked_at + _FRESH_SECONDS, self._rests_until):
            patience = PATIENCE_SECONDS if key in self._known else None
            answered = self._questions.run(f"{name} {key[1]}", lambda: self._ask(key), patience_seconds=patience)
            if answered is not None:
                answered.result()
        return self._known.get(key, _UNKNOWN)[1]

    def forget(self, name: str) -> None:
        """Ask anew: it was changed from here."""
        outdated = self._key(name)
        self._changes[name] += 1
        self._known.pop(outdated, None)

    def _key(self, name: str) -> tuple[str, int]:
        return name, self._changes[name]

    def _ask(self, key: tuple[str, int]) -> None:
        name, _ = key
        asked_at = time.monotonic()
        try:
            line = self._read(name).decode(errors="replace").strip()
        except FileNotFoundError:
            line = ""
        except StorageUnavailableError as error:
            _, known = self._known.get(key, _UNKNOWN)
            log.warning("model_pointer_not_read", pointer=name, known=known, reason=error.log_reason)
            self._rests_until = time.monotonic() + _REST_SECONDS
            return
        self._known[key] = (asked_at, line)
