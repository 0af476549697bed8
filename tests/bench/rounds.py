"""A figure of the bench, and what its rounds let it say about a bar."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Final

# Two rounds have no middle one: either may be the disturbed one.
LEAST_ROUNDS: Final = 3


@dataclass(frozen=True)
class Figure:
    """One measured quantity.

    Attributes:
        value: The median of the rounds, or what was measured once; None where nothing was.
        rounds: Its value in each round; empty where it is measured once, from many samples of its own.
        missing: Why there is no value.
    """

    value: float | None
    rounds: tuple[float, ...] = ()
    missing: str = ""

    @classmethod
    def of(cls, rounds: Sequence[float]) -> "Figure":
        """Make the figure of several rounds."""
        return cls(statistics.median(rounds), tuple(rounds))

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between what the rounds place the median; None where it was measured once, or not at all."""
        return median_interval(self.rounds) if self.rounds else None


def verdict(figure: Figure, sign: str, bar: float) -> str:
    """Say whether a figure meets a bar, or why that cannot be said.

    Args:
        figure: As measured.
        sign: `>=` or `<=`.
        bar: What it shall reach or stay below.
    """
    if figure.value is None:
        return f"not measured: {figure.missing}"
    ends = (figure.value,)
    if figure.interval is not None:
        if len(figure.rounds) < LEAST_ROUNDS:
            return "too few rounds"
        ends = (figure.value, *figure.interval)
    met = {end >= bar if sign == ">=" else end <= bar for end in ends}
    if len(met) > 1:
        return f"disturbed: {min(ends):.3g} to {max(ends):.3g}"
    return "met" if met.pop() else "MISSED"


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Give the 95 % confidence interval of the median: order statistics, their ranks from the binomial distribution.

    Nothing is assumed of how the values are spread (Conover, Practical Nonparametric Statistics, section 3.2). Of fewer
    than six it is the lowest and the highest, which say it with less confidence: 94 % of five, 75 % of three.
    """
    ordered, number = sorted(values), len(values)
    outside, rank = 0.0, 0
    # How likely it is that fewer than `rank` of the values lie below the true median.
    while rank < number // 2 and outside + comb(number, rank) / 2**number <= 0.025:
        outside += comb(number, rank) / 2**number
        rank += 1
    first = max(rank - 1, 0)
    return ordered[first], ordered[number - 1 - first]
