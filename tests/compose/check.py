"""Runs the whole platform by Docker Compose and proves it: healthy, every panel filled, nothing lost by down and up.

    make test-compose

It builds the images, and takes ports and volumes of its own, which it removes at the end. A machine that reaches no
container registry first needs images under the names that docker-compose.yml pins.
"""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import httpx

from tests.contract.dashboards import FILES, filled_in, queries
from tests.fixtures.images import encode_image
from tests.fixtures.redis import free_port
from tests.waiting import wait_until

PROJECT = "dentiq-check"
PORTS = {f"{name}_PORT": free_port() for name in ("WEB", "PROMETHEUS", "GRAFANA", "FLOWER")}
IMAGES = 300


def compose(*arguments: str) -> None:
    """Run docker compose on the project of this check."""
    environment = os.environ | {name: str(port) for name, port in PORTS.items()}
    click.echo(f"docker compose {' '.join(arguments)}")
    done = subprocess.run(
        ["docker", "compose", "-p", PROJECT, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr[-4000:])


@contextmanager
def platform() -> Iterator[None]:
    """Bring the platform up with two workers, and remove all of it in the end."""
    try:
        compose("up", "--build", "-d", "--pull=missing", "--wait", "--scale", "worker=2")
        yield
    finally:
        compose("down", "--volumes")


def base_url(name: str) -> str:
    """Address of a published port."""
    return f"http://127.0.0.1:{PORTS[f'{name}_PORT']}"


def submit(images: int, accepted: list[str]) -> None:
    """Submit images until they are through or the platform goes; note what was accepted."""
    with httpx.Client(base_url=base_url("WEB"), timeout=30) as client:
        for number in range(images):
            image = encode_image(width=300 + number % 50, height=200, colour=(number % 250, 90, 80))
            try:
                answer = client.post("/api/v1/jobs", files={"image": (f"{number}.jpg", image)})
            except httpx.TransportError:
                return
            if answer.status_code == 202:
                accepted.append(answer.json()["id"])


def status(client: httpx.Client, job_id: str) -> str:
    """Wait for the end of a job."""
    answer = client.get(f"/api/v1/jobs/{job_id}", params={"wait": 20})
    return str(answer.json()["status"]) if answer.is_success else str(answer.status_code)


def assert_all_succeeded(accepted: list[str]) -> None:
    """Look at every job that was accepted."""
    with httpx.Client(base_url=base_url("WEB"), timeout=60) as client:
        found = Counter(status(client, job_id) for job_id in accepted)
    click.echo(f"{len(accepted)} accepted jobs: {dict(found)}")
    assert found == {"succeeded": len(accepted)}


def assert_every_panel_is_filled() -> None:
    """Ask Prometheus every query of every dashboard, and a stand-in of Grafana, where there is one, for its opinion."""

    def empty() -> list[str]:
        with httpx.Client(base_url=base_url("PROMETHEUS"), timeout=20) as client:
            return [query.name for query in all_queries if not series(client, filled_in(query.expression))]

    all_queries = [query for path in FILES for query in queries(path)]
    wait_until(lambda: not empty(), 120, what="series for every panel")
    click.echo(f"{len(all_queries)} panel queries, none empty")
    opinion = httpx.get(f"{base_url('GRAFANA')}/verify", timeout=120)
    if opinion.headers.get("Content-Type", "").startswith("application/json") and opinion.is_success:
        verdict = opinion.json()
        click.echo(f"Grafana's stand-in: {len(verdict['panels'])} panels, errors {verdict['errors']}")
        assert (verdict["errors"], verdict["empty"]) == ([], [])


def series(client: httpx.Client, expression: str) -> list[Any]:
    """Ask Prometheus."""
    body = client.get("/api/v1/query", params={"query": expression}).json()
    assert body["status"] == "success", body
    found: list[Any] = body["data"]["result"]
    return found


def count(metrics: str, name: str) -> float:
    """Read one value of a metrics page."""
    return next(float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(f"{name} "))


def main() -> None:
    """Go through it."""
    accepted: list[str] = []
    with platform():
        assert httpx.get(base_url("FLOWER"), timeout=20).status_code == 401
        submit(IMAGES, accepted)
        assert_all_succeeded(accepted)
        assert_every_panel_is_filled()
        # More arrive while the platform is stopped: what was accepted until then must be found again.
        sender = threading.Thread(target=submit, args=(100 * IMAGES, accepted))
        sender.start()
        wait_until(lambda: len(accepted) > IMAGES + 100, 60, what="work under way")
        compose("down")
        sender.join()
        compose("up", "-d", "--pull=missing", "--wait")
        assert_all_succeeded(accepted)
        metrics = httpx.get(f"{base_url('WEB')}/metrics", timeout=20).text
        # One job more for a sender whose answer was cut off, for each time that happened.
        assert count(metrics, "dentiq_jobs_submitted_total") >= len(accepted)
        succeeded = count(metrics, 'dentiq_jobs_finished_total{status="succeeded"}')
        assert succeeded == count(metrics, "dentiq_jobs_submitted_total")
    click.echo("Docker Compose: healthy, every panel filled, nothing lost.")


if __name__ == "__main__":
    main()
