"""Measures how long a scrape of web and of a worker takes once they have much to show: every route, versions of a year.

    python -m tests.bench.scrape_time

Run it alone on the machine: whatever else computes is in the time.
"""

import os
import re
import statistics
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Final

import click
import httpx

from common.jobs import keys
from common.redis_client import connect
from common.settings import Settings
from tests.bench.idle_latency import bench_image
from tests.fixtures.stack import LocalStack
from tests.scrapes import LIMIT_SECONDS
from tests.waiting import wait_until
from web.app_factory import create_app

# A version a month, of which two were a shadow; seven labels as the one that comes with dentiq has.
_VERSIONS: Final = tuple(f"2026{month:02}01-earlier" for month in range(1, 13))
_LABELS: Final = ("calculus", "caries", "discoloration", "gingivitis", "healthy", "hypodontia", "ulcer")
_OUTCOMES: Final = ("answered", "uncertain", "not_dental")

# Enough that each of a few web processes has met each route.
_ROUNDS: Final = 16
_JOBS: Final = 64


def visit_every_route(stack: LocalStack, folder: Path) -> None:
    """Ask every route by every method; most answers are refusals, which are counted as well."""
    app = create_app(Settings(redis_url=stack.redis_url, data_dir=folder))
    asked = [
        (method, re.sub(r"<[^>]+>", "x", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    ]
    for _ in range(_ROUNDS):
        # A connection of its own each time, so that another process may take it.
        with httpx.Client(base_url=stack.base_url, timeout=30) as client:
            for method, path in asked:
                client.request(method, path)


def work(stack: LocalStack) -> None:
    """Have some photographs classified, so that the worker's histograms are filled."""
    with httpx.Client(base_url=stack.base_url, timeout=30) as client:
        batch = client.post("/api/v1/batches", json={}).json()["id"]
        files = [("images", (f"{number}.jpg", bench_image())) for number in range(_JOBS)]
        client.post(f"/api/v1/batches/{batch}/images", files=files).raise_for_status()
        client.post("/api/v1/jobs", files={"image": ("a.jpg", bench_image())}).raise_for_status()

        def ended() -> bool:
            return int(client.get(f"/api/v1/batches/{batch}").json()["counts"]["succeeded"]) == _JOBS

        wait_until(ended, 120, what="the end of the work")


def remember_a_year(stack: LocalStack) -> None:
    """Count what earlier versions would have left in the job store."""
    url = Settings(redis_url=stack.redis_url).effective_job_store_url
    names = [f"label {version} {label}" for version, label in product(_VERSIONS, _LABELS)]
    names += [f"outcome {version} {outcome}" for version, outcome in product(_VERSIONS, _OUTCOMES)]
    pairs = zip(_VERSIONS[-3:-1], _VERSIONS[-2:], strict=True)
    names += [f"shadow_label {old} {new} {a} {b}" for (old, new), a, b in product(pairs, _LABELS, _LABELS)]
    with connect(url, timeout_seconds=5, max_connections=1) as client:
        for name in names:
            client.hincrby(keys.COUNTS, name, 1000)


def scrape(urls: dict[str, str], *, number: int) -> dict[str, list[float]]:
    """Scrape in turns, over one connection each as Prometheus does."""
    seconds: dict[str, list[float]] = {name: [] for name in urls}
    with httpx.Client(timeout=10) as client:
        for turn, (name, url) in product(range(number + 5), urls.items()):
            started = time.perf_counter()
            client.get(url).raise_for_status()
            if turn >= 5:
                seconds[name].append(time.perf_counter() - started)
    return seconds


@click.command()
@click.option("--number", default=400, type=click.IntRange(min=2), show_default=True, help="Scrapes of each.")
def main(number: int) -> None:
    """Fill a platform, scrape it, print the quantiles."""
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as name:
        stack = LocalStack(Path(name) / "var")
        try:
            stack.start()
            visit_every_route(stack, Path(name) / "other")
            work(stack)
            remember_a_year(stack)
            urls = {
                "web": f"{stack.base_url}/metrics",
                "worker": f"http://127.0.0.1:{stack.worker_metrics_port}/metrics",
            }
            pages = {name: httpx.get(url, timeout=10).text for name, url in urls.items()}
            found = scrape(urls, number=number)
        finally:
            stack.clean_up()
    for part, seconds in found.items():
        cuts = [1e3 * cut for cut in statistics.quantiles(seconds, n=100)]
        lines = sum(not line.startswith("#") for line in pages[part].splitlines())
        click.echo(
            f"{part:7} {lines:5} series: median {cuts[49]:.1f}, 95 % {cuts[94]:.1f}, 99 % {cuts[98]:.1f} ms; "
            f"at most {1e3 * LIMIT_SECONDS:.0f} ms are promised; load {os.getloadavg()[0]:.1f}"
        )


if __name__ == "__main__":
    main()
