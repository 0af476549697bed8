"""Measures what it costs that Redis flushes each write before it answers: `appendfsync always` against `everysec`.

    python -m tests.bench.flush_cost

One platform as `make run` starts it takes turns under both settings, which Redis changes without a restart; who begins
changes with each pair. Told are the medians of the pairs and of their ratios.
"""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx

from common.redis_client import connect
from tests.bench.pictures import make
from tests.bench.sides import Platform, send_folder, send_singles
from tests.fixtures.stack import LocalStack

_SETTINGS = ("everysec", "always")


@dataclass(frozen=True)
class Measured:
    """What one turn under one setting gave."""

    folder_images_per_second: float
    folder_cpu_ms_an_image: float
    redis_cpu_ms_an_image: float
    singles_per_second: float
    submit_ms_p50: float
    submit_ms_p95: float


@click.command()
@click.option("--pairs", default=5, type=click.IntRange(min=1), show_default=True, help="Turns under each setting.")
@click.option("--images", default=200, type=click.IntRange(min=1), show_default=True, help="Images of a folder.")
def main(pairs: int, images: int) -> None:
    """Measure in pairs."""
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as name:
        root = Path(name)
        stack = LocalStack(root / "var")
        try:
            stack.start()
            client: Any = connect(stack.redis_url, timeout_seconds=5, max_connections=1)
            send_folder(stack, make(root / "warm-up", "photographs", 50), root / "w")
            pictures = make(root / "pictures", "photographs", images)
            turns: list[dict[str, Measured]] = []
            for pair in range(pairs):
                order = _SETTINGS if pair % 2 else tuple(reversed(_SETTINGS))
                turns.append({setting: _turn(stack, client, pictures, root / f"{pair}-{setting}") for setting in order})
        finally:
            stack.clean_up()
    click.echo(f"{'':26} {'everysec':>9} {'always':>9}   always / everysec, pair by pair: median (lowest to highest)")
    for what in Measured.__dataclass_fields__:
        sides = {setting: [getattr(turn[setting], what) for turn in turns] for setting in _SETTINGS}
        ratios = sorted(a / e for a, e in zip(sides["always"], sides["everysec"], strict=True))
        medians = " ".join(f"{statistics.median(sides[setting]):9.2f}" for setting in _SETTINGS)
        click.echo(f"{what:26} {medians}   {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")


def _turn(stack: LocalStack, client: Any, pictures: Path, out: Path) -> Measured:
    client.config_set("appendfsync", out.name.rpartition("-")[2])
    count = len(list(pictures.iterdir()))
    platform = Platform("dentiq", send_folder)
    before = platform.cpu_by_part(stack)
    told = send_folder(stack, pictures, out)
    after = platform.cpu_by_part(stack)
    used = {part: after[part] - before[part] for part in after}
    singles = send_singles(stack, pictures, out)
    waits = sorted(_submit_one_by_one(stack, sorted(pictures.iterdir())[:60]))
    return Measured(
        folder_images_per_second=count / told["seconds"],
        folder_cpu_ms_an_image=1e3 * (sum(used.values()) + told["client_cpu_seconds"]) / count,
        redis_cpu_ms_an_image=1e3 * used["redis"] / count,
        singles_per_second=count / singles["seconds"],
        submit_ms_p50=1e3 * statistics.median(waits),
        submit_ms_p95=1e3 * waits[int(0.95 * len(waits))],
    )


def _submit_one_by_one(stack: LocalStack, pictures: list[Path]) -> list[float]:
    """Seconds from the request to its 202, each sent once the result before is there: nothing else is at work."""
    waits = []
    with httpx.Client(base_url=f"{stack.base_url}/api/v1", timeout=60) as http:
        for path in pictures:
            image = path.read_bytes()
            began = time.perf_counter()
            answer = http.post("/jobs", content=image, headers={"Content-Type": "image/jpeg"}).raise_for_status()
            waits.append(time.perf_counter() - began)
            http.get(f"/jobs/{answer.json()['id']}", params={"wait": 20}).raise_for_status()
    return waits


if __name__ == "__main__":
    main()
