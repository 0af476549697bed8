"""How long a scrape takes, and what of it is the machine's: the promise of 20 ms, tested in one place."""

import time
from collections.abc import Callable
from typing import Any

LIMIT_SECONDS = 0.020
SCRAPES = 40

# Other work on a machine comes in bursts. A scrape that is too slow by itself is so in every round.
ROUNDS = 3


def assert_scrapes_are_quick(scrape: Callable[[], Any], nothing: Callable[[], Any]) -> None:
    """Hold 19 of 20 scrapes to 20 ms.

    Allowance: what 19 of 20 requests that do next to nothing take at the same time, asked in turns with the scrapes, is
    the machine's time and comes on top; and one round of three must hold.

    Args:
        scrape: Asks for the metrics.
        nothing: Asks the same server for next to nothing.
    """
    found = []
    for _ in range(ROUNDS):
        pairs = [(_seconds(nothing), _seconds(scrape)) for _ in range(SCRAPES)]
        machine, whole = (_of_20(19, [pair[part] for pair in pairs]) for part in (0, 1))
        if whole <= LIMIT_SECONDS + machine:
            return
        found.append(f"{1e3 * whole:.1f} ms (nothing: {1e3 * machine:.1f} ms)")
    raise AssertionError(f"19 of 20 scrapes took up to {', '.join(found)}; {1e3 * LIMIT_SECONDS:.0f} ms are promised")


def _seconds(ask: Callable[[], Any]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def _of_20(number: int, seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) * number // 20 - 1]
