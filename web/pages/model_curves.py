"""The curves of a model version for its card: each as pictures, and as a table for who cannot see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask_babel import format_decimal

from common.curves import CoveragePoint, Curves, Epoch
from web.i18n import gettext, percent
from web.pages.curve_picture import Axis, CurvePicture, Line, Point

# The style sheet has so many kinds of dashes.
_DASHES: Final = 4

# Rows of the table of what is answered.
_TENTHS: Final = 10


@dataclass(frozen=True)
class DrawnCurves:
    """One subject.

    Attributes:
        pictures: One below the other.
        columns: Heads of the table.
        rows: Its cells, ready to print; the first one names the row.
    """

    pictures: Sequence[CurvePicture]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def draw_reliability(curves: Curves) -> DrawnCurves:
    """Draw how often answers of a probability are right."""
    points = [(part.confidence, part.right / part.images) for part in curves.reliability]
    picture = CurvePicture(
        _share(gettext("Probability given")),
        _share(gettext("Share of right answers")),
        [Line([(0, 0), (1, 1)], "guide"), Line(points, dots=True)],
    )
    columns = [gettext("Probability given"), gettext("Photos"), gettext("Of it right")]
    rows = [
        [percent(part.confidence, "0.0"), _count(part.images), percent(part.right / part.images, "0.0")]
        for part in curves.reliability
    ]
    return DrawnCurves([picture], columns, rows)


def draw_coverage(curves: Curves) -> DrawnCurves:
    """Draw how much of what is answered is right, over the share that is answered."""
    points = [(point.answered / curves.images, point.accuracy) for point in curves.coverage]
    served = curves.served.answered / curves.images
    # Half is the least that a reader wants to tell apart, unless a version is worse.
    low = min(0.5, *(accuracy for _, accuracy in points))
    picture = CurvePicture(
        _share(gettext("Share answered")),
        _share(gettext("Share of right answers"), low),
        [Line([(served, low), (served, 1)], "mark", name=gettext("this version")), Line(points)],
    )
    columns = [gettext("Answered"), gettext("Photos"), gettext("Of it right")]
    rows = [_coverage_row(point, curves) for point in _tenths(curves)]
    share, *cells = _coverage_row(curves.served, curves)
    rows.append([gettext("This version: %(share)s", share=share), *cells])
    return DrawnCurves([picture], columns, rows)


def draw_history(curves: Curves) -> DrawnCurves | None:
    """Draw how loss and macro-F1 went; None where nobody knows."""
    if not curves.history:
        return None
    loss = _over_epochs(curves.history, gettext("Loss on the training photos"), [row.loss for row in curves.history])
    macro_f1 = _over_epochs(
        curves.history, gettext("Macro-F1 on the validation photos"), [row.macro_f1 for row in curves.history]
    )
    columns = [gettext("Run"), gettext("Epoch"), gettext("Loss"), gettext("Macro-F1")]
    rows = [
        [_count(row.run), _count(row.epoch), _number(row.loss, 3), _number(row.macro_f1, 3)] for row in curves.history
    ]
    if len(_runs(curves.history)) == 1:
        columns, rows = columns[1:], [row[1:] for row in rows]
    return DrawnCurves([loss, macro_f1], columns, rows)


def _over_epochs(history: Sequence[Epoch], title: str, values: Sequence[float]) -> CurvePicture:
    lines = []
    for number, run in enumerate(_runs(history)):
        points: list[Point] = [(row.epoch, value) for row, value in zip(history, values, strict=True) if row.run == run]
        lines.append(Line(points, f"curve dashes-{number % _DASHES}", dots=True))
    last = max(row.epoch for row in history)
    across = Axis(gettext("Epoch"), 0, max(5, last), _number)
    return CurvePicture(across, Axis.around(title, values, _number), lines)


def _runs(history: Sequence[Epoch]) -> list[int]:
    return sorted({row.run for row in history})


def _tenths(curves: Curves) -> list[CoveragePoint]:
    wanted = [curves.images * tenth / _TENTHS for tenth in range(1, _TENTHS + 1)]
    nearest = [min(curves.coverage, key=lambda point: abs(point.answered - count)) for count in wanted]
    return list(dict.fromkeys(nearest))


def _coverage_row(point: CoveragePoint, curves: Curves) -> list[str]:
    right = percent(point.accuracy, "0.0") if point.answered else "–"
    return [percent(point.answered / curves.images, "0.0"), _count(point.answered), right]


def _share(title: str, low: float = 0) -> Axis:
    return Axis(title, low, 1, lambda value, digits: percent(value, _pattern(max(0, digits - 2))))


def _count(number: int) -> str:
    return str(format_decimal(number))


def _number(value: float, digits: int) -> str:
    return str(format_decimal(value, _pattern(digits)))


def _pattern(digits: int) -> str:
    return f"0.{'0' * digits}" if digits else "0"
