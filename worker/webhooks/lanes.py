"""Who may be given a request now: receivers that answer quickly keep places that slow ones cannot take."""

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Final

# Requests under way at one time: a thread each, which mostly waits.
PLACES: Final = 16

# Of these to one receiver: one that is known to be quick, and one that is slow or has not been asked yet.
_OF_A_QUICK_ONE: Final = 4
_OF_ANOTHER: Final = 2

# And to all that are not known to be quick: any number of receivers that hang leave four places to the others.
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
    """Count the requests to each receiver, and remember who answers quickly."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._quick: OrderedDict[str, None] = OrderedDict()

    def choice(self) -> Choice:
        """Say whose webhook may be sent next; only who asks here may begin a request."""
        with self._lock:
            if self._of_others() < _OF_ALL_OTHERS:
                full = [name for name, requests in self._under_way.items() if requests >= self._most(name)]
                return Choice(tuple(full), among=False)
            free = [name for name in self._quick if self._under_way[name] < _OF_A_QUICK_ONE]
            return Choice(tuple(free), among=True)

    def begin(self, receiver: str) -> None:
        """Note a request."""
        with self._lock:
            self._under_way[receiver] += 1

    def end(self, receiver: str, *, seconds: float | None) -> None:
        """Note its end.

        Args:
            seconds: How long the receiver took to answer; None where it did not.
        """
        with self._lock:
            self._under_way[receiver] -= 1
            self._under_way += Counter()  # drops receivers without a request
            self._quick.pop(receiver, None)
            if seconds is not None and seconds < _QUICK_SECONDS:
                self._quick[receiver] = None
                if len(self._quick) > _REMEMBERED:
                    self._quick.popitem(last=False)

    def _most(self, receiver: str) -> int:
        return _OF_A_QUICK_ONE if receiver in self._quick else _OF_ANOTHER

    def _of_others(self) -> int:
        return sum(requests for name, requests in self._under_way.items() if name not in self._quick)
