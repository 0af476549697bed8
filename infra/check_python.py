"""Refuse, in one clear sentence, a Python that dentiq does not support; an older or newer Python can run this file."""

import sys

OLDEST = (3, 10)
NEWEST = (3, 13)


def complaint(major: int, minor: int) -> str:
    """Say what is wrong with a version of Python; an empty string when nothing is."""
    if OLDEST <= (major, minor) <= NEWEST:
        return ""
    return (
        f"dentiq needs Python 3.10 to 3.13, but {sys.executable} is Python {major}.{minor}. "
        "Name another one: make PYTHON=python3.12 ..."
    )


if __name__ == "__main__":
    sys.exit(complaint(*sys.version_info[:2]) or 0)
