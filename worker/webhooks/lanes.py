"""Who may be given a request now: receivers that answer quickly keep places that slow ones cannot take."""

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

# Requests under way at one time: a thread each, which mostly waits.
PLACES: Final = 32

# Of these to one receiver: one that is known to be quick, and one that is slow or has not been asked yet.
_OF_A_QUICK_ONE: Final = 4
_OF_ANOTHER: Final = 2

# Past this many a quick one is given one place at a time: quick ones that fall silent all at once, which nobody knows
# before a second is over, leave sixteen places to as many others.
_FREELY_GIVEN: Final = 16

# And to all that are not known to be quick: any number of receivers that hang leave the rest to the others.
_OF_ALL_OTHERS: Final = 12

# A receiver that notes a message and works afterwards answers in some ten milliseconds.
_QUICK_SECONDS: Final = 1.0

# Quick receivers that are remembered. One that is forgotten is asked as a new one is.
_REMEMBERED: Final = 256


@dataclass(frozen=True)
class Choice:
    """Whose webhook may be sent next.

    Attributes:
        receivers: One of these, or none of these.
        among: Which of the two.
    """

    receivers: tuple[str, ...]
    among: bool


class Lanes:
    """Count the requests to each receiver, and remember who answers quickly.

    Args:
        clock: Gives the seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = count()
        # When each request began, by receiver and by the request's number.
        self._under_way: defaultdict[str, dict[int, float]] = defaultdict(dict)
        self._quick: OrderedDict[str, None] = OrderedDict()

    def choice(self) -> Choice:
        """Say whose webhook may be sent next; only who asks here may begin a request."""
        with self._lock:
            quick = set(filter(self._is_quick, self._quick))
            others = sum(len(requests) for name, requests in self._under_way.items() if name not in quick)
            share = _OF_A_QUICK_ONE if sum(map(len, self._under_way.values())) < _FREELY_GIVEN else 1
            full = {
                name
                for name, requests in self._under_way.items()
                if len(requests) >= (share if name in quick else _OF_ANOTHER)
            }
            if others < _OF_ALL_OTHERS:
                return Choice(tuple(full), among=False)
            return Choice(tuple(quick - full), among=True)

    def begin(self, receiver: str) -> int:
        """Note a request; return the number under which it ends."""
        with self._lock:
            number = next(self._numbers)
            self._under_way[receiver][number] = self._clock()
            return number

    def end(self, receiver: str, number: int, *, seconds: float | None) -> None:
        """Note its end.

        Args:
            seconds: How long the receiver took to answer; None where it did not.
        """
        with self._lock:
            del self._under_way[receiver][number]
            if not self._under_way[receiver]:
                del self._under_way[receiver]
            self._quick.pop(receiver, None)
            if seconds is not None and seconds < _QUICK_SECONDS:
                self._quick[receiver] = None
                if len(self._quick) > _REMEMBERED:
                    self._quick.popitem(last=False)

    def _is_quick(self, receiver: str) -> bool:
        """Whether a receiver that answered quickly does so still: not while it keeps a request for longer."""
        begun = self._under_way[receiver].values() if receiver in self._under_way else ()
        return all(self._clock() - at < _QUICK_SECONDS for at in begun)
