"""When a request is tried again, and after which pause."""

import email.utils
import random
from dataclasses import dataclass
from datetime import datetime, timezone

# 429 and 503 come from dentiq itself, 502 and 504 from a proxy whose dentiq is being restarted.
RETRIED_STATUSES = frozenset({429, 502, 503, 504})

_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class RequestRetries:
    """How often and how patiently a request is tried again.

    Attributes:
        attempts: Most tries; the defaults outlive a restart of the server.
        first_attempts: Most tries while the server has never answered: then its address is likely wrong.
        first_pause_seconds: Pause before the second try; it doubles each time.
    """

    attempts: int = 6
    first_attempts: int = 3
    first_pause_seconds: float = 0.25

    def pause_seconds(self, failed_attempts: int, *, retry_after: str | None = None) -> float:
        """Choose the pause before the next try.

        Args:
            failed_attempts: Tries so far, at least 1.
            retry_after: The header of that name, which beats our own guess: seconds or an HTTP date.
        """
        asked = _parse_retry_after(retry_after)
        if asked is not None:
            return min(max(asked, 0.0), _LONGEST_PAUSE_SECONDS)
        pause: float = self.first_pause_seconds * 2 ** (failed_attempts - 1)
        # Clients that lost the same server must not all come back in the same instant.
        return min(pause, _LONGEST_PAUSE_SECONDS) * random.uniform(0.75, 1.25)  # noqa: S311  spread, no secret


def _parse_retry_after(value: str | None) -> float | None:
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return (moment - datetime.now(timezone.utc)).total_seconds()
