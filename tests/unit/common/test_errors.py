"""The tree of errors is the one that its package draws."""

import re

from common import errors
from common.errors import DentiqError

_LINE = re.compile(r"^ {4}((?:[| ] {3})*)(?:[|`]-- )?(\w+Error)\b")


def drawn() -> dict[str, str]:
    """Read the parent of each class from the drawing."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = _LINE.match(line)
        if found:
            depth = len(found[1]) // 4 + ("-- " in line)
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1] if depth else ""
    return parents


def test_the_drawing_shows_every_error_under_its_parent() -> None:
    classes = {name: getattr(errors, name) for name in errors.__all__}
    expected = {
        name: "" if kind is DentiqError else next(base.__name__ for base in kind.__bases__)
        for name, kind in classes.items()
    }
    assert drawn() == expected


def test_every_code_names_one_error() -> None:
    codes = [getattr(errors, name).code for name in errors.__all__]
    assert len(set(codes)) == len(codes)
