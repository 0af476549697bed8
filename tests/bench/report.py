"""What was measured, against the bars: one table for people, one JSON for programs."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.sides import Turn

# Figure, comparison, bar: as the project set them.
BARS: Final[tuple[tuple[str, str, float], ...]] = (
    ("folder / bare loop", ">=", 0.85),
    ("folder / bare loop, by processor time", ">=", 0.85),
    ("folder / best peer as documented", ">=", 4),
    ("folder / best peer with our runtime", ">=", 1.2),
    ("folder / best peer with our worker's code", ">=", 1.2),
    ("singles / best peer as documented", ">=", 2.5),
    ("singles / best peer with our runtime", ">=", 1),
    ("singles / best peer with our worker's code", ">=", 1),
    ("idle overhead p50, ms", "<=", 10),
    ("idle overhead p99, ms", "<=", 30),
    ("interactive p99 with 10,000 queued, s", "<=", 0.5),
    ("cost a job at 100,000 queued / empty", "<=", 1.1),
    ("Redis bytes a finished job", "<=", 700),
    ("worker resident, MB", "<=", 450),
    ("start to ready, s", "<=", 10),
    ("cost of monitoring, share of throughput", "<=", 0.05),
    ("cost of monitoring, by processor time", "<=", 0.05),
)

_RUNTIME_WORDS: Final = {"torch": "as documented", "onnx": "with our runtime", "worker": "with our worker's code"}


def ratios(turns: Mapping[str, Sequence[Turn]]) -> dict[str, float]:
    """Compare sides round by round, so that what the machine did meanwhile hits both; the median of the rounds."""
    found: dict[str, float] = {}
    if {"folder", "bare loop"} <= turns.keys():
        found["folder / bare loop"] = _ratio(turns["folder"], turns["bare loop"])
        pairs = zip(turns["bare loop"], turns["folder"], strict=True)
        found["folder / bare loop, by processor time"] = statistics.median(b.cpu_ms / f.cpu_ms for b, f in pairs)
    for runtime, words in _RUNTIME_WORDS.items():
        peers = [name for name in turns if name.endswith(f", {runtime}")]
        if not peers:
            continue
        best = max(peers, key=lambda name: _speed(turns[name]))
        for ours in ("folder", "singles", "singles, awaited"):
            if ours in turns:
                found[f"{ours} / best peer {words}"] = _ratio(turns[ours], turns[best])
    return found


def ratio_of(turns: Mapping[str, Sequence[Turn]], ours: str, theirs: str) -> float:
    """Compare two sides by their speed."""
    return _ratio(turns[ours], turns[theirs])


def lines(turns: Mapping[str, Sequence[Turn]], figures: Mapping[str, float]) -> list[str]:
    """Write the tables: sides, then figures with their bars."""
    rows = [f"{'side':28} {'images/s':>9} {'(lowest':>9} {'highest)':>9} {'CPU ms':>8}"]
    for name, of_side in turns.items():
        speeds = [turn.images_per_second for turn in of_side]
        cpu = statistics.median(turn.cpu_ms for turn in of_side)
        rows.append(f"{name:28} {statistics.median(speeds):9.1f} {min(speeds):9.1f} {max(speeds):9.1f} {cpu:8.2f}")
    rows += ["", f"{'figure':50} {'value':>9}   bar"]
    bars = {name: (sign, bar) for name, sign, bar in BARS}
    for name, value in figures.items():
        rows.append(f"{name:50} {value:9.3g}   {_verdict(value, *bars[name]) if name in bars else ''}".rstrip())
    return rows


def write(path: Path, turns: Mapping[str, Sequence[Turn]], figures: Mapping[str, float], machine: Any) -> None:
    """Write everything that was measured as JSON."""
    content = {
        "machine": machine,
        "turns": {name: [vars(turn) for turn in of_side] for name, of_side in turns.items()},
        "figures": dict(figures),
        "bars": [{"figure": name, "sign": sign, "bar": bar} for name, sign, bar in BARS],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _speed(of_side: Sequence[Turn]) -> float:
    return statistics.median(turn.images_per_second for turn in of_side)


def _ratio(ours: Sequence[Turn], theirs: Sequence[Turn]) -> float:
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(mine.images_per_second / other.images_per_second for mine, other in pairs)


def _verdict(value: float, sign: str, bar: float) -> str:
    met = value >= bar if sign == ">=" else value <= bar
    return f"{sign} {bar:g}  {'met' if met else 'MISSED'}"
