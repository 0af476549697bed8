"""SIGTERM ends a command as Ctrl-C does: in order, and telling how to go on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType


class Terminated(KeyboardInterrupt):
    """The command was told to end, by SIGTERM."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` in this block when SIGTERM comes; a second one disturbs nothing.

    Signals are heard by the main thread alone: in another one this does nothing.
    """
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    signal.signal(number, signal.SIG_IGN)
    raise Terminated
