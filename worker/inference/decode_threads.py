"""Decoding in several threads of one process, for a network that waits for pictures: Pillow works outside the GIL."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

_Answer = TypeVar("_Answer")


class DecodeThreads:
    """Threads that live as long as their predictor.

    Args:
        number: How many pictures are decoded at a time.
    """

    def __init__(self, number: int) -> None:
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
                in_hand.append(self._pool.submit(work, data))
                if len(in_hand) >= self._most_in_hand:
                    yield in_hand.popleft().result()
            while in_hand:
                yield in_hand.popleft().result()
        finally:
            for future in in_hand:
                future.cancel()
