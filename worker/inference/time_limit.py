"""A limit to the processor time of one decoding: the last resort against a picture that nobody thought of."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from common.errors import ImageTooComplexError

# The slowest picture within the limits takes 3 s; a decoder that does not come back to Python for longer is ended with
# its process by the pool's own limit.
DECODE_SECONDS: Final = 10.0


@contextmanager
def decoding_limited(seconds: float = DECODE_SECONDS) -> Iterator[None]:
    """End what the block decodes after so much processor time of this process; a busy machine costs no picture.

    Signals reach the main thread alone: in another one nothing is limited (see `worker.inference.decode_threads`).

    Raises:
        ImageTooComplexError: It took longer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise ImageTooComplexError(
            f"Reading the picture took more than {seconds:g} s of processor time. Export it again as a plain JPEG."
        )

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
