"""Keeping what was measured."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any


def keep(found: Iterable[Any], out: Path) -> None:
    """Write a list of figures, each a dataclass, in the place of the ones before."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n", encoding="utf-8")
