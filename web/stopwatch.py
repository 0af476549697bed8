"""Measuring how long a block takes."""

from time import monotonic
from types import TracebackType


class Stopwatch:
    """Measure the block under `with`; `seconds` holds the time once it is left."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._start = 0.0

    def __enter__(self) -> "Stopwatch":
        self._start = monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = monotonic() - self._start
