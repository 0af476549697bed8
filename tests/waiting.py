"""Waiting for a condition instead of sleeping for a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Short enough to add nothing to a test, long enough to leave the core to what is waited for.
_PAUSE_SECONDS = 0.02


def wait_until(condition: Callable[[], T], deadline_seconds: float = 10.0, *, what: str = "") -> T:
    """Call a condition until it is true, and return what it returned.

    Args:
        condition: Called again and again; an exception of it is a failure at once.
        deadline_seconds: Longest wait.
        what: What is waited for, for the message of a failure.

    Raises:
        AssertionError: The condition stayed false up to the deadline.
    """
    end = time.monotonic() + deadline_seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            waited_for = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"{waited_for}: not within {deadline_seconds:g} s (last value {value!r})")
        time.sleep(_PAUSE_SECONDS)
