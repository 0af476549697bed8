"""Telling the pool's processes that their worker stops: a byte that they share with their parent."""

import mmap


class StopSign:
    """One byte of memory, made before the fork: a parent sets it in a signal handler, where a lock could block."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Say that the worker stops."""
        self._shared[0] = 1

    def is_set(self) -> bool:
        """Whether the worker stops."""
        return bool(self._shared[0])
