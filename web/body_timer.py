"""How long a request waited for its body: the sender's time, which the server cannot make shorter."""

from collections.abc import Callable
from typing import Any

from web.stopwatch import Stopwatch


class TimedBody:
    """Stand before the server's stream of a request body and measure each read.

    Attributes:
        seconds: Time spent in reads so far.
        collected_seconds: Time that the server had waited for it before the request began, where it tells.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.seconds = 0.0
        self.collected_seconds = float(getattr(stream, "collected_seconds", 0.0))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stream, name)
        return self._timed(found) if callable(found) and name.startswith("read") else found

    def __iter__(self) -> Any:
        return iter(self.readline, b"")

    def _timed(self, read: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **keywords: Any) -> Any:
            with Stopwatch() as watch:
                found = read(*arguments, **keywords)
            self.seconds += watch.seconds
            return found

        return timed
