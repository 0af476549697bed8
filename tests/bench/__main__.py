"""Measures dentiq beside the bare loop and beside what people use instead.

    make bench
    make bench ONLY="bare folder" ROUNDS=3

See tests/bench/README.md.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click

from tests.bench import figures, monitoring_cost, report, results
from tests.bench.peer_sides import PEERS, RUNTIMES, Peer, environment_of
from tests.bench.pictures import make
from tests.bench.rounds import Figure
from tests.bench.sides import BareLoop, GpuLoop, Platform, Side, Turn, awaited_singles, send_folder, send_singles
from tests.fixtures.stack import ROOT
from worker.inference.devices import cuda_is_usable

_OURS: Final[dict[str, list[Side]]] = {
    "bare": [BareLoop()],
    "bare-torch": [BareLoop("bare loop, torch", "torch")],
    "folder": [Platform("folder", send_folder)],
    "singles": [Platform("singles", send_singles), Platform("singles, awaited", awaited_singles)],
}
_PEERS: Final[dict[str, list[Side]]] = {name: [Peer(name, runtime) for runtime in RUNTIMES] for name in PEERS}
_SIDES: Final = _OURS | _PEERS
_GPU: Final[list[Side]] = [
    GpuLoop(),
    Platform("GPU, folder", send_folder, {"DENTIQ_DEVICE": "cuda"}),
    Platform("GPU, folder, graphs", send_folder, {"DENTIQ_DEVICE": "cuda", "DENTIQ_RUNTIME": "torch-graphs"}),
]
_FIGURES: Final = ("platform", "store", "interactive", "monitoring")
_NAMES: Final = (*_SIDES, "originals", "gpu", *_FIGURES)

# A thousand images a second end a smaller folder before it has begun.
_LEAST_FOR_A_GPU: Final = 10_000


def _race(sides: Sequence[Side], folder: Path, *, rounds: int, kind: str = "") -> dict[str, list[Turn]]:
    """Let the sides take turns; who begins changes with each round."""
    turns: dict[str, list[Turn]] = {f"{kind}{side.name}": [] for side in sides}
    for number in range(rounds):
        first = number % len(sides)
        for side in (*sides[first:], *sides[:first]):
            turn = side.turn(folder)
            turns[f"{kind}{side.name}"].append(turn)
            click.echo(
                f"round {number + 1}: {kind}{side.name}: {turn.images_per_second:.1f} images/s, "
                f"{turn.cpu_ms:.2f} ms of processor an image, load {os.getloadavg()[0]:.1f}",
                err=True,
            )
    return turns


def _race_all(chosen: Sequence[str], root: Path, *, rounds: int, images: int) -> results.Found:
    """Let everything that classifies a folder take turns."""
    turns: dict[str, list[Turn]] = {}
    found: dict[str, Figure] = {}
    if sides := [side for name in chosen if name in _SIDES for side in _SIDES[name]]:
        turns |= _race(sides, make(root / "photographs", "photographs", images), rounds=rounds)
        found |= report.ratios(turns)
    if "originals" in chosen:
        phones = make(root / "phones", "originals", max(32, images // 4))
        race = _race([*_OURS["bare"], *_OURS["folder"]], phones, rounds=rounds, kind="originals, ")
        found["originals, folder / bare loop"] = report.ratio_of(race, "originals, folder", "originals, bare loop")
        turns |= race
    if "gpu" in chosen:
        race = {}
        if cuda_is_usable():
            race = _race(_GPU, make(root / "gpu", "photographs", max(_LEAST_FOR_A_GPU, images)), rounds=rounds)
        found |= report.gpu_figures(race)
        turns |= race
    return results.Found(turns, found)


def _select(only: str) -> list[str]:
    chosen = only.replace(",", " ").split() or [name for name in _NAMES if name != "bare-torch"]
    if unknown := set(chosen) - set(_NAMES):
        raise click.UsageError(f"There is no {', '.join(sorted(unknown))} to measure; choose from {', '.join(_NAMES)}.")
    return chosen


@click.command()
@click.option("--only", default="", help=f"What to measure: {', '.join(_NAMES)}. Everything if empty.")
@click.option("--rounds", default=5, type=click.IntRange(min=1), show_default=True, help="Turns of each side.")
@click.option("--images", default=480, type=click.IntRange(min=1), show_default=True, help="Photographs of a turn.")
@click.option("--out", default=ROOT / "var" / "bench" / "results.json", type=click.Path(path_type=Path))
def main(only: str, rounds: int, images: int, out: Path) -> None:
    """Measure, print the table, write the JSON. A missed bar is in the table; it does not fail the run."""
    chosen = _select(only)
    about = results.About.now(only=chosen, rounds=rounds, images=images)
    for name in PEERS:
        if name in chosen:
            environment_of(name)
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as folder:
        found = _race_all(chosen, Path(folder), rounds=rounds, images=images)
    figure_of: dict[str, Callable[[], dict[str, Figure]]] = {
        "platform": lambda: figures.on_the_platform(latency_jobs=200),
        "store": lambda: figures.of_the_store(repeats=rounds),
        "interactive": figures.beside_a_folder,
        "monitoring": lambda: monitoring_cost.figures(monitoring_cost.measure(pairs=16 * rounds, images=150)),
    }
    for name in _FIGURES:
        if name in chosen:
            click.echo(f"measuring: {name}", err=True)
            found.figures.update(figure_of[name]())
    results.write(out, about, found)
    head = f"{about.processor}, {about.cores} cores, load {about.load} before; commit {about.commit[:7] or 'unknown'}"
    changed = " and changes" if about.dirty else ""
    click.echo("\n".join([head + changed, "", *report.lines(found.turns, found.figures), "", f"Written to {out}"]))


if __name__ == "__main__":
    main()
