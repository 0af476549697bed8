"""Decoding in several threads of one process, for a network that waits for pictures: Pillow works outside the GIL."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain, islice
from threading import Condition
from typing import Final, TypeVar

from worker.inference.decode import pixels_held

_Answer = TypeVar("_Answer")

# Decoding takes up to 16 bytes a pixel with the copies on the way: twice 50 million, the largest picture that web
# accepts unless told otherwise, are 1.6 GB of a GPU worker's 8; eight photographs of 12 million fit.
_MOST_PIXELS: Final = 100_000_000


class DecodeThreads:
    """Threads that live as long as their predictor.

    Args:
        number: How many pictures are decoded at a time.
        most_pixels: How many pixels are decoded at a time; a picture that has more is decoded while no other is.
    """

    def __init__(self, number: int, *, most_pixels: int = _MOST_PIXELS) -> None:
        self._room = _Room(most_pixels)
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="decode")
        # One under way and one at hand for each thread; more files would only lie in memory.
        self._most_in_hand = 2 * number

    def map(self, work: Callable[[bytes], _Answer], files: Iterable[bytes]) -> Iterator[_Answer]:
        """Give the answer for each file in order, like `map`.

        One file alone is done by the calling thread, which is the only one that the limit to the time of a decoding
        reaches. A picture that hangs takes its process down with the chunk; from then on it is tried alone.
        """
        coming = iter(files)
        first = list(islice(coming, 2))
        return map(work, first) if len(first) < 2 else self._side_by_side(work, chain(first, coming))

    def _side_by_side(self, work: Callable[[bytes], _Answer], files: Iterable[bytes]) -> Iterator[_Answer]:
        in_hand: deque[Future[_Answer]] = deque()
        try:
            for data in files:
                in_hand.append(self._pool.submit(self._bounded, work, data))
                if len(in_hand) >= self._most_in_hand:
                    yield in_hand.popleft().result()
            while in_hand:
                yield in_hand.popleft().result()
        finally:
            # What runs on would count into the processor time that the next picture, tried alone, may take.
            wait([future for future in in_hand if not future.cancel()])

    def _bounded(self, work: Callable[[bytes], _Answer], data: bytes) -> _Answer:
        with self._room.taken(pixels_held(data)):
            return work(data)


class _Room:
    """Pixels that may be in hand at a time; whoever would exceed them waits."""

    def __init__(self, pixels: int) -> None:
        self._most = self._free = pixels
        self._changed = Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        # Nobody waits for ever: a chunk goes no further than its oldest picture, so those that overtake it are few.
        share = min(pixels, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()
