"""The confusion matrix as a picture that the page draws itself: its names are then in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# In the picture's own units; it is scaled to the page.
CELL: Final = 46
_LETTER: Final = 7.5
_MARGIN: Final = 26

# Names below the columns are turned by 40 degrees: so much of their length goes down.
_DOWN: Final = 0.65


@dataclass(frozen=True)
class Cell:
    """How often a label was answered where another one is true.

    Attributes:
        x: Left edge.
        y: Upper edge.
        count: Photographs.
        share: Of the photographs with this true label, 0 to 1.
    """

    x: float
    y: float
    count: int
    share: float


@dataclass(frozen=True)
class ConfusionPicture:
    """Where everything stands.

    Attributes:
        names: Of the labels, in the order of rows and columns.
        rows: Counts: a row a true label, a column an answer.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[int]]

    @property
    def left(self) -> float:
        """Where the cells begin: the names of the rows stand before."""
        return _MARGIN + _LETTER * max(map(len, self.names))

    @property
    def bottom(self) -> float:
        """Where the cells end: the names of the columns stand below."""
        return float(CELL * len(self.rows))

    @property
    def width(self) -> float:
        """Of the whole picture."""
        return self.left + CELL * len(self.names) + 4

    @property
    def height(self) -> float:
        """Of the whole picture."""
        return self.bottom + _MARGIN + 12 + _DOWN * _LETTER * max(map(len, self.names))

    @property
    def middles(self) -> list[tuple[str, float, float]]:
        """Each name, with the middle of its column and of its row."""
        return [(name, self.left + CELL * (n + 0.5), CELL * (n + 0.5)) for n, name in enumerate(self.names)]

    @property
    def cells(self) -> list[Cell]:
        """All cells, row by row."""
        return [
            Cell(self.left + CELL * column, CELL * line, count, count / max(1, sum(row)))
            for line, row in enumerate(self.rows)
            for column, count in enumerate(row)
        ]
