"""Runs the whole platform by Docker Compose and proves it: healthy, every panel filled, nothing lost by stop and down.

    make test-compose

It clones what was committed, builds the images, and takes ports and volumes of its own, which it removes at the end. A
machine that reaches no container registry first needs images under the names that docker-compose.yml pins.
"""

import random
import re
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
import httpx

from tests.compose.platform import ROOT, Platform, fresh_platform
from tests.contract.dashboards import FILES, filled_in, queries
from tests.fixtures.images import encode_image
from tests.waiting import wait_until

COMPOSE_PAGE = ROOT / "docs" / "compose.md"
IMAGES = 300
ARCHIVE_MEGABYTES = 300

# A chunk of 32 images on a slow core that six processes share, and Celery's way out.
MOST_STOP_SECONDS = 45


def find_photos(folder: Path, scratch: Path) -> list[Path]:
    """Take photographs of a data set; where there is none, make pictures."""
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"})
    if len(photos) >= IMAGES:
        return random.Random(1).sample(photos, IMAGES)
    for number in range(IMAGES):
        image = encode_image(width=300 + number % 50, height=200, colour=(number % 250, 90, 80))
        (scratch / f"{number}.jpg").write_bytes(image)
    return sorted(scratch.glob("*.jpg"))


def assert_every_panel_is_filled(platform: Platform) -> None:
    """Ask Prometheus every query of every dashboard, and a stand-in of Grafana, where there is one, for its opinion."""
    asked = [query for path in FILES for query in queries(path)]

    def empty() -> list[str]:
        with platform.client("PROMETHEUS") as client:
            return [query.name for query in asked if not series(client, filled_in(query.expression))]

    wait_until(lambda: not empty(), 120, what="series for every panel")
    click.echo(f"{len(asked)} panel queries, none empty")
    opinion = httpx.get(f"{platform.url('GRAFANA')}/verify", timeout=120)
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
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics, flags=re.MULTILINE)
    assert found, name
    return float(found[1])


def work(platform: Platform) -> None:
    """Send 300 photographs, half as a person does and half as a folder, and look at all that is shown of them."""
    assert httpx.get(platform.url("FLOWER"), timeout=20).status_code == 401
    platform.submit_each(IMAGES // 2)
    platform.submit_batch(IMAGES // 2)
    platform.assert_all_succeeded()
    assert platform.submitted == IMAGES
    assert_every_panel_is_filled(platform)


def make_a_key(platform: Platform) -> None:
    """Make an API key as an operator does; web sees it and cannot make one."""
    made = platform.compose("run", "--rm", "keys", "make", "clinic")
    assert "dentiq_" in made
    assert "clinic" in platform.compose("run", "--rm", "keys", "list")
    platform.compose(
        "exec", "-T", "web", "sh", "-c", "test -s /secrets/keys/keys.json && ! touch /secrets/keys/another"
    )


def lose_the_passwords(platform: Platform) -> None:
    """Lose Grafana's password file, and reset the password as docs/compose.md says, where there is a Grafana."""

    def secret() -> str:
        return platform.compose("exec", "-T", "grafana", "cat", "/run/grafana-secret/admin_password").strip()

    def status() -> int:
        login = ("admin", secret())
        return httpx.get(f"{platform.url('GRAFANA')}/api/user", auth=login, timeout=20).status_code

    before = secret()
    has_command = bool(platform.compose("exec", "-T", "grafana", "sh", "-c", "command -v grafana || true").strip())
    assert not has_command or status() == HTTPStatus.OK
    platform.compose("rm", "--stop", "--force", "grafana", "secrets")
    platform.remove_volume("grafana-secret")
    platform.compose("up", "-d", "--wait")
    assert secret() not in {"", before}
    if has_command:
        assert status() == HTTPStatus.UNAUTHORIZED
        platform.compose("exec", "-T", "grafana", "sh", "-c", documented_reset())
        assert status() == HTTPStatus.OK
    else:
        click.echo("a new password; a stand-in of Grafana has no database to reset it in")


def documented_reset() -> str:
    """Read from the document what resets Grafana's password."""
    (command,) = re.findall(r"docker compose exec grafana sh -c '(.+)'$", COMPOSE_PAGE.read_text(), flags=re.MULTILINE)
    return str(command)


def scale(platform: Platform) -> None:
    """Start two more workers; nothing else may be recreated or started again."""
    before = platform.containers()
    platform.compose("up", "-d", "--scale", "worker=3", "--wait")
    after = platform.containers()
    assert set(after) - set(before) == {"worker-2", "worker-3"}
    changed = [name for name in before if before[name]["Id"] != after[name]["Id"]]
    moved = [name for name in before if before[name]["State"]["StartedAt"] != after[name]["State"]["StartedAt"]]
    assert changed == []
    # The container that makes passwords looks for missing ones each time.
    assert set(moved) <= {"secrets-1"}
    click.echo("three workers, nothing else recreated")


def take_a_large_archive(platform: Platform) -> None:
    """Send an archive that would not fit where uploads are spooled in memory."""
    platform.submit_archive(megabytes=ARCHIVE_MEGABYTES)
    platform.assert_all_succeeded()
    web = platform.containers()["web-1"]
    assert (web["State"]["OOMKilled"], web["RestartCount"]) == (False, 0)


def stop_under_load(platform: Platform) -> None:
    """Stop everything while three workers are at a folder, and start it again."""
    batch = platform.submit_batch(3 * IMAGES)
    wait_until(lambda: platform.counts(batch)["succeeded"] > 0, 60, what="work under way")
    waiting = platform.counts(batch)["queued"]
    platform.compose("stop", "--timeout", str(MOST_STOP_SECONDS), "worker")
    left = platform.counts(batch)
    click.echo(f"stopped with {waiting} in the queue, {left} afterwards")
    assert left["queued"] > 0
    platform.compose("stop")
    ends = {name: found["State"]["ExitCode"] for name, found in platform.containers().items()}
    # 137 is a kill: somebody did not end in time.
    assert [name for name, status in ends.items() if status == 137] == []
    platform.compose("up", "-d", "--wait")
    platform.assert_all_succeeded()


def go_down_while_more_arrive(platform: Platform) -> None:
    """Take everything down in the midst of submissions: what was accepted until then must be found again."""
    known = len(platform.accepted)
    sender = threading.Thread(target=platform.submit_each, args=(100 * IMAGES,))
    sender.start()
    wait_until(lambda: len(platform.accepted) > known + 100, 60, what="work under way")
    platform.compose("down")
    sender.join()
    platform.compose("up", "-d", "--wait")
    platform.assert_all_succeeded()
    metrics = httpx.get(f"{platform.url('WEB')}/metrics", timeout=20).text
    submitted = count(metrics, "dentiq_jobs_submitted_total")
    # One job more for a sender whose answer was cut off.
    assert platform.submitted <= submitted <= platform.submitted + 1
    assert count(metrics, 'dentiq_jobs_finished_total{status="succeeded"}') == submitted


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), default=ROOT.parent / "shared" / "data", help="Data set.")
def main(photos: Path) -> None:
    """Go through it."""
    with fresh_platform([]) as platform:
        platform.photos = find_photos(photos, platform.folder.parent)
        platform.compose("up", "--build", "-d", "--wait")
        work(platform)
        make_a_key(platform)
        lose_the_passwords(platform)
        scale(platform)
        take_a_large_archive(platform)
        stop_under_load(platform)
        go_down_while_more_arrive(platform)
    click.echo("Docker Compose: healthy, every panel filled, nothing lost.")


if __name__ == "__main__":
    main()
