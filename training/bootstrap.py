"""Intervals of figures by resampling groups: images of one group are not independent witnesses."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

_ROUNDS = 1000


def interval(
    groups: Sequence[str], figure: Callable[[Rows], float], *, seed: int, rounds: int = _ROUNDS
) -> tuple[float, float]:
    """Compute a 95 % percentile interval.

    Args:
        groups: Group of each row.
        figure: Maps chosen rows (with repetition) to the figure.
        seed: Of the chance.
        rounds: How many resamplings.
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    rows_of = [np.flatnonzero(member == index) for index in range(int(member.max()) + 1)]
    generator = np.random.default_rng(seed)
    values = [
        figure(np.concatenate([rows_of[index] for index in generator.integers(0, len(rows_of), len(rows_of))]))
        for _ in range(rounds)
    ]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)
