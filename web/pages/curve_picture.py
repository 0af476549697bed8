"""A picture of curves that the page draws itself: where axes, lines and dots stand, in the reader's language."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

# In the picture's own units; it is scaled to the page.
WIDTH: Final = 340
HEIGHT: Final = 260
LEFT: Final = 52
RIGHT: Final = WIDTH - 22
TOP: Final = 34
BOTTOM: Final = HEIGHT - 46

_STEPS: Final = (1, 2, 5, 10)

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """One direction of a picture.

    Attributes:
        title: What is measured.
        low: Value where it begins.
        high: Value where it ends.
        words: Writes a value with so many digits after the point.
    """

    title: str
    low: float
    high: float
    words: Callable[[float, int], str]

    @property
    def ticks(self) -> list[tuple[str, float]]:
        """Round values between its ends, about six, in words and as a share of its length."""
        rough = (self.high - self.low) / 7
        power = math.floor(math.log10(rough))
        step = 10.0**power * next(step for step in _STEPS if step * 10.0**power >= rough * 0.999)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = [number * step for number in range(first, last + 1)]
        return [(self.words(value, digits), self.share(value)) for value in values]

    def share(self, value: float) -> float:
        """How far along the axis a value stands, 0 to 1."""
        return (value - self.low) / (self.high - self.low)

    @classmethod
    def around(cls, title: str, values: Sequence[float], words: Callable[[float, int], str]) -> "Axis":
        """Make an axis that holds these values and a little air."""
        air = 0.05 * (max(values) - min(values)) or 0.05 * abs(max(values)) or 1.0
        return cls(title, min(values) - air, max(values) + air, words)


@dataclass(frozen=True)
class Line:
    """One line of a picture.

    Attributes:
        points: In the units of the axes.
        kind: Its class in the style sheet.
        dots: Whether its points are drawn too.
        name: Stands at its foot; empty for none.
    """

    points: Sequence[Point]
    kind: str = "curve"
    dots: bool = False
    name: str = ""


@dataclass(frozen=True)
class CurvePicture:
    """Where everything stands.

    Attributes:
        x: To the right.
        y: Upwards.
        lines: What is drawn, the last one above the others.
    """

    x: Axis
    y: Axis
    lines: Sequence[Line]

    @property
    def columns(self) -> list[tuple[str, float]]:
        """What stands below the picture, and where."""
        return [(words, _across(share)) for words, share in self.x.ticks]

    @property
    def rows(self) -> list[tuple[str, float]]:
        """What stands left of the picture, and where."""
        return [(words, _upwards(share)) for words, share in self.y.ticks]

    def place(self, point: Point) -> Point:
        """Say where a point stands."""
        return _across(self.x.share(point[0])), _upwards(self.y.share(point[1]))

    def path(self, line: Line) -> str:
        """Write a line as the points of an SVG polyline."""
        return " ".join(f"{x},{y}" for x, y in map(self.place, line.points))


def _across(share: float) -> float:
    return round(LEFT + share * (RIGHT - LEFT), 1)


def _upwards(share: float) -> float:
    return round(BOTTOM - share * (BOTTOM - TOP), 1)
