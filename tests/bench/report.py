"""What was measured, against the bars, as a table for people."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Final

from tests.bench.rounds import Figure, verdict
from tests.bench.sides import Turn

# Figure, comparison, bar: as the project set them. A second bar for the same figure is a further step.
BARS: Final[tuple[tuple[str, str, float], ...]] = (
    ("folder / bare loop", ">=", 0.85),
    ("folder / bare loop", ">=", 0.90),
    ("folder / bare loop, by processor time", ">=", 0.85),
    ("folder / bare loop, by processor time", ">=", 0.90),
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
    ("scrape of web, ms", "<=", 20),
    ("scrape of worker, ms", "<=", 20),
    ("cost of monitoring, share of throughput", "<=", 0.05),
    ("cost of monitoring, by processor time", "<=", 0.05),
    ("GPU, folder / bare GPU loop", ">=", 0.7),
    ("GPU, folder, images/s", ">=", 1000),
)

_RUNTIME_WORDS: Final = {"torch": "as documented", "onnx": "with our runtime", "worker": "with our worker's code"}


def ratios(turns: Mapping[str, Sequence[Turn]]) -> dict[str, Figure]:
    """Compare sides round by round, so that what the machine did meanwhile hits both."""
    found: dict[str, Figure] = {}
    if {"folder", "bare loop"} <= turns.keys():
        found["folder / bare loop"] = ratio_of(turns, "folder", "bare loop")
        pairs = zip(turns["bare loop"], turns["folder"], strict=True)
        found["folder / bare loop, by processor time"] = Figure.of([b.cpu_ms / f.cpu_ms for b, f in pairs])
    for runtime, words in _RUNTIME_WORDS.items():
        peers = [name for name in turns if name.endswith(f", {runtime}")]
        if not peers:
            continue
        best = max(peers, key=lambda name: _speed(turns[name]))
        for ours in ("folder", "singles", "singles, awaited"):
            if ours in turns:
                found[f"{ours} / best peer {words}"] = ratio_of(turns, ours, best)
    return found


def ratio_of(turns: Mapping[str, Sequence[Turn]], ours: str, theirs: str) -> Figure:
    """Compare two sides by their speed."""
    pairs = zip(turns[ours], turns[theirs], strict=True)
    return Figure.of([mine.images_per_second / other.images_per_second for mine, other in pairs])


def gpu_figures(turns: Mapping[str, Sequence[Turn]]) -> dict[str, Figure]:
    """Compare the folder on a GPU with the loop there; without turns there was no card to be had."""
    names = ("GPU, folder / bare GPU loop", "GPU, folder, images/s")
    if not turns:
        return dict.fromkeys(names, Figure(None, missing="no card"))
    speeds = [turn.images_per_second for turn in turns["GPU, folder"]]
    return dict(zip(names, (ratio_of(turns, "GPU, folder", "bare GPU loop"), Figure.of(speeds)), strict=True))


def lines(turns: Mapping[str, Sequence[Turn]], figures: Mapping[str, Figure]) -> list[str]:
    """Write the tables: sides, then figures with their bars."""
    rows = [f"{'side':28} {'images/s':>9} {'(lowest':>9} {'highest)':>9} {'CPU ms':>8}"] if turns else []
    for name, of_side in turns.items():
        speeds = [turn.images_per_second for turn in of_side]
        cpu = statistics.median(turn.cpu_ms for turn in of_side)
        rows.append(f"{name:28} {statistics.median(speeds):9.1f} {min(speeds):9.1f} {max(speeds):9.1f} {cpu:8.2f}")
    rows += [*([""] if turns else []), f"{'figure':50} {'value':>9}   bar"]
    for name, figure in figures.items():
        value = "" if figure.value is None else f"{figure.value:.3g}"
        told = [f"{sign} {bar:g}  {verdict(figure, sign, bar)}" for bar_of, sign, bar in BARS if bar_of == name]
        rows.append(f"{name:50} {value:>9}   {', '.join(told)}".rstrip())
    return rows


def _speed(of_side: Sequence[Turn]) -> float:
    return statistics.median(turn.images_per_second for turn in of_side)
