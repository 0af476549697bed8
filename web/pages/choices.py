"""Values that a reader can choose among, ready to print."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One value of a filter or a form."""

    value: str
    name: str
    chosen: bool
