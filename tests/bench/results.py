"""The JSON of the bench: what was measured, each with the run that measured it; a part of a run replaces its part."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from infra.local.parts import usable_cores
from tests.bench.report import BARS
from tests.bench.rounds import Figure, verdict
from tests.bench.sides import Turn
from tests.fixtures.stack import ROOT


@dataclass(frozen=True)
class About:
    """What a reader must know of a run to compare its figures.

    Attributes:
        date: When it began, UTC.
        commit: Of the checkout; empty outside of git.
        dirty: Whether files differed from that commit.
        processor: Its name.
        cores: How many could be used.
        system: Name and release.
        python: Version.
        load: Of the machine over the last minute as it began, before anything was measured.
        settings: Options of the run.
    """

    date: str
    commit: str
    dirty: bool
    processor: str
    cores: int
    system: str
    python: str
    load: float
    settings: Mapping[str, Any]

    @classmethod
    def now(cls, **settings: Any) -> "About":
        """Look at the machine and the checkout."""
        return cls(
            date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            commit=_git("rev-parse", "HEAD"),
            dirty=bool(_git("status", "--porcelain")),
            processor=_processor(),
            cores=usable_cores(),
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            load=round(os.getloadavg()[0], 2),
            settings=settings,
        )


@dataclass(frozen=True)
class Found:
    """What a run measured: the turns of each side, and figures by name."""

    turns: dict[str, list[Turn]]
    figures: dict[str, Figure]


def write(path: Path, about: About, measured: Found) -> None:
    """Write what was measured; what another run measured and this one did not stays, with that run beside it."""
    stored = _read(path)
    run = {"run": about.date}
    sides = stored["sides"] | {
        name: run | {"turns": [asdict(turn) for turn in rows]} for name, rows in measured.turns.items()
    }
    found = stored["figures"] | {name: run | _judged(name, figure) for name, figure in measured.figures.items()}
    needed = {entry["run"] for entry in (*sides.values(), *found.values())} | {about.date}
    runs = {date: known for date, known in stored["runs"].items() if date in needed} | {about.date: asdict(about)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps({"runs": runs, "sides": sides, "figures": found}, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def _judged(name: str, figure: Figure) -> dict[str, Any]:
    bars = [
        {"sign": sign, "bar": bar, "verdict": verdict(figure, sign, bar)}
        for bar_of, sign, bar in BARS
        if bar_of == name
    ]
    return {**asdict(figure), "bars": bars}


_PARTS: Final = ("runs", "sides", "figures")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stored = {}
    # A file of an earlier form names no run: nobody could say what its figures belong to.
    known = isinstance(stored, dict) and all(isinstance(stored.get(part), dict) for part in _PARTS)
    return {part: stored[part] if known else {} for part in _PARTS}


def _git(*arguments: str) -> str:
    try:
        answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _processor() -> str:
    try:
        rows = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((row.partition(":")[2].strip() for row in rows if row.startswith("model name")), platform.processor())
