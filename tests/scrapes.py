"""How long a scrape takes, and what of it is the machine's: the promise of 20 ms, held in one place of the tests."""

import time
from collections.abc import Callable
from typing import Any

LIMIT_SECONDS = 0.020
SCRAPES = 40

# Other work on a machine comes in bursts. A scrape that is too slow by itself is so in every round.
ROUNDS = 3


def assert_scrapes_are_quick(scrape: Callable[[], Any], nothing: Callable[[], Any]) -> None:
    """Hold what a scrape adds to a request, in 19 of 20, to 20 ms.

    The promise is of the whole on a machine that does nothing else, and `python -m tests.bench.scrape_time` measures
    that. Here, where other work may run, three things are allowed beside it: the time of a request for next to nothing,
    on a quiet machine too; as many times the limit as a computation in turns with the scrapes took longer than it
    should, which there is none; and one round of three must hold.

    Args:
        scrape: Asks for the metrics.
        nothing: Asks the same server for next to nothing.
    """
    found = []
    for _ in range(ROUNDS):
        turns = [(_stretch(), _seconds(nothing), _seconds(scrape)) for _ in range(SCRAPES)]
        stretch, machine, whole = (_of_20(19, [turn[part] for turn in turns]) for part in range(3))
        if whole <= LIMIT_SECONDS * stretch + machine:
            return
        found.append(f"{1e3 * whole:.1f} ms (nothing: {1e3 * machine:.1f} ms, cores stretched {stretch:.1f} times)")
    raise AssertionError(f"19 of 20 scrapes took up to {', '.join(found)}; {1e3 * LIMIT_SECONDS:.0f} ms are its own")


def _seconds(ask: Callable[[], Any]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def _stretch() -> float:
    """Compute for a hundredth of a second of a core; return how many times as long it took."""
    began, end = time.perf_counter(), time.process_time() + 0.01
    while time.process_time() < end:
        pass
    return max(1.0, (time.perf_counter() - began) / 0.01)


def _of_20(number: int, seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) * number // 20 - 1]
