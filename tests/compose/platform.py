"""The platform in containers, for its check: a fresh clone, Docker Compose, what it accepted and what became of it."""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import httpx

from tests.fixtures.redis import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "dentiq-check"

# Below what one request to a batch may carry.
PORTION = 50


@dataclass
class Platform:
    """One project of Docker Compose on ports of its own.

    Attributes:
        folder: A clone of this repository; its `.env` holds the ports, so that every command sees the same.
        photos: What is sent.
        accepted: Jobs that were answered 202.
        batches: Batches that were filled, with how many images each.
    """

    folder: Path
    photos: Sequence[Path]
    ports: dict[str, int]
    accepted: list[str] = field(default_factory=list)
    batches: dict[str, int] = field(default_factory=dict)

    def compose(self, *arguments: str) -> str:
        """Run docker compose; end the check where it fails."""
        click.echo(f"docker compose {' '.join(arguments)}", nl=False)
        started = time.monotonic()
        done = subprocess.run(
            ["docker", "compose", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        click.echo(f"  ({time.monotonic() - started:.1f} s)")
        if done.returncode:
            sys.exit(done.stderr[-4000:])
        return done.stdout

    def remove_volume(self, name: str) -> None:
        """Remove a volume that no container uses."""
        subprocess.run(["docker", "volume", "rm", f"{PROJECT}_{name}"], capture_output=True, check=True)

    def containers(self) -> dict[str, dict[str, Any]]:
        """Read every container of the project, by name, with what Docker knows of it."""
        ids = self.compose("ps", "--all", "--quiet").split()
        read = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=True).stdout
        return {found["Name"].removeprefix(f"/{PROJECT}-"): found for found in json.loads(read)}

    def url(self, name: str) -> str:
        """Address of a published port."""
        return f"http://127.0.0.1:{self.ports[f'{name}_PORT']}"

    def client(self, name: str = "WEB") -> httpx.Client:
        """Ask a published port."""
        return httpx.Client(base_url=self.url(name), timeout=120)

    def submit_each(self, number: int) -> None:
        """Submit photographs one by one until all are through or the platform goes."""
        with self.client() as client:
            for position in range(number):
                photo = self.photos[position % len(self.photos)]
                try:
                    answer = client.post("/api/v1/jobs", files={"image": (photo.name, photo.read_bytes())})
                except httpx.TransportError:
                    return
                if answer.status_code == 202:
                    self.accepted.append(answer.json()["id"])

    def submit_batch(self, number: int) -> str:
        """Submit photographs as one batch."""
        with self.client() as client:
            batch = str(client.post("/api/v1/batches", json={}).json()["id"])
            for first in range(0, number, PORTION):
                chosen = [self.photos[n % len(self.photos)] for n in range(first, min(first + PORTION, number))]
                files = [("images", (photo.name, photo.read_bytes())) for photo in chosen]
                client.post(f"/api/v1/batches/{batch}/images", files=files).raise_for_status()
        self.batches[batch] = number
        return batch

    def submit_archive(self, *, megabytes: int) -> str:
        """Submit one large zip archive."""
        each = 19_000_000
        number = -(-megabytes * 1_000_000 // each)
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            for position in range(number):
                # What follows the end of a JPEG counts as size and as nothing else.
                archive.writestr(f"{position}.jpg", self.photos[position].read_bytes().ljust(each, b"\0"))
        click.echo(f"an archive of {body.tell() / 1e6:.0f} MB")
        body.seek(0)
        with self.client() as client:
            batch = str(client.post("/api/v1/batches", json={}).json()["id"])
            client.post(f"/api/v1/batches/{batch}/images", files={"archive": ("a.zip", body)}).raise_for_status()
        self.batches[batch] = number
        return batch

    def counts(self, batch: str) -> dict[str, int]:
        """Read how many jobs of a batch have which status."""
        with self.client() as client:
            found: dict[str, int] = client.get(f"/api/v1/batches/{batch}").raise_for_status().json()["counts"]
        return found

    def assert_all_succeeded(self) -> None:
        """Look at every job and batch that was accepted, from the first on."""
        for batch, number in self.batches.items():
            wait_until(lambda b=batch: _open(self.counts(b)) == 0, 300, what="the end of a batch")  # type: ignore[misc]
            assert self.counts(batch)["succeeded"] == number, self.counts(batch)
        with self.client() as client:
            found = Counter(_status(client, job_id) for job_id in self.accepted)
        click.echo(f"{len(self.accepted)} single jobs: {dict(found)}; {len(self.batches)} batches, all succeeded")
        assert found == {"succeeded": len(self.accepted)}

    @property
    def submitted(self) -> int:
        """How many jobs were accepted."""
        return len(self.accepted) + sum(self.batches.values())


@contextmanager
def fresh_platform(photos: Sequence[Path]) -> Iterator[Platform]:
    """Clone the repository as it was committed, and remove the clone and all containers and volumes in the end."""
    ports = {f"{name}_PORT": free_port() for name in ("WEB", "PROMETHEUS", "GRAFANA", "FLOWER")}
    with TemporaryDirectory(prefix="dentiq-compose-") as folder:
        clone = Path(folder) / "dentiq"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        variables = {**ports, "COMPOSE_PROJECT_NAME": PROJECT}
        if "TORCH_INDEX" in os.environ:
            variables["TORCH_INDEX"] = os.environ["TORCH_INDEX"]
        lines = [f"{name}={value}\n" for name, value in variables.items()]
        (clone / ".env").write_text("".join(lines), encoding="utf-8")
        platform = Platform(clone, photos, ports)
        try:
            yield platform
        finally:
            platform.compose("down", "--volumes")


def _open(counts: dict[str, int]) -> int:
    return counts["queued"] + counts["running"]


def _status(client: httpx.Client, job_id: str) -> str:
    answer = client.get(f"/api/v1/jobs/{job_id}", params={"wait": 20})
    return str(answer.json()["status"]) if answer.is_success else str(answer.status_code)
