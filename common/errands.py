"""Errands to somebody who may be silent: each is run by a thread of its own, and who sends it need not wait."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

T = TypeVar("T")


class Errands(Generic[T]):
    """Run errands, one of each name at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[T]] = {}

    def run(self, name: str, errand: Callable[[], T], *, patience_seconds: float | None) -> Future[T] | None:
        """Begin an errand unless it is under way; give it once it is over, None while it is not.

        Args:
            patience_seconds: Longest wait of whoever begins it, the others find it on its way; None: all wait for its
                end.
        """
        with self._lock:
            found = self._under_way.get(name)
            seconds = patience_seconds
            if found is None:
                found = self._under_way[name] = _begun(errand, name)
            elif patience_seconds is not None:
                seconds = 0
        wait([found], timeout=seconds)
        if not found.done():
            return None
        with self._lock:
            if self._under_way.get(name) is found:
                del self._under_way[name]
        return found


def _begun(errand: Callable[[], T], name: str) -> Future[T]:
    future: Future[T] = Future()

    def carry_out() -> None:
        try:
            future.set_result(errand())
        except BaseException as fault:  # noqa: BLE001  it belongs to whoever asks for the result
            future.set_exception(fault)

    # A daemon: no process waits at its end for somebody who is silent.
    threading.Thread(target=carry_out, name=f"errand-{name}", daemon=True).start()
    return future
