"""The platform as Prometheus sees it: a real one scrapes a running stack; every panel and rule has something to say."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from common.jobs import keys
from common.redis_client import connect
from tests.contract.dashboards import FILES, filled_in, queries
from tests.contract.promql import rules
from tests.fixtures.stack import ROOT, LocalStack
from tests.scrapes import assert_scrapes_are_quick
from tests.waiting import wait_until

PROGRAMS = ("prometheus", "prometheus-node-exporter", "prometheus-redis-exporter")
EXPORTER = ROOT / ".venv-exporter" / "bin" / "python"
JOBS = {"web", "worker", "celery", "redis", "node", "flower", "prometheus"}

# Rules over the jobs of a folder wait for two evaluations of their group, half a minute apart.
SETTLED_SECONDS = 120

pytestmark = pytest.mark.timeout(400)


class Prometheus:
    """Ask the Prometheus of a stack."""

    def __init__(self, stack: LocalStack) -> None:
        self._api = f"http://127.0.0.1:{stack.prometheus_port}/api/v1"

    def get(self, path: str, **parameters: str) -> Any:
        try:
            answer = httpx.get(f"{self._api}/{path}", params=parameters, timeout=10)
        except httpx.TransportError:
            return {}
        body = answer.json()
        assert body["status"] == "success", body
        return body["data"]

    def series(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("query", query=expression).get("result", [])
        return found

    def value(self, expression: str) -> float:
        found = self.series(expression)
        return float(found[0]["value"][1]) if found else -1.0


@pytest.fixture(scope="module")
def needed_programs() -> None:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if not EXPORTER.exists():
        missing.append("celery-exporter")
    if missing and os.environ.get("CI"):
        pytest.fail(f"missing: {', '.join(missing)}; .ci/run installs what is Debian's, `make setup` the last")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian packages, or `make setup` on Python 3.11 or 3.12)")


@pytest.fixture(scope="module")
def platform(needed_programs: None, tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., bytes]) -> Any:
    """A stack of its own that has worked: single images, one refused, one unreadable, then idle."""
    running = LocalStack(tmp_path_factory.mktemp("monitored"))
    try:
        running.start()
        wait_until(lambda: up(Prometheus(running)) == JOBS, 60, what="a first scrape of every target")
        submit(running, make_image, 24)
        yield running
    finally:
        running.clean_up()


@pytest.fixture(scope="module")
def prometheus(platform: LocalStack) -> Prometheus:
    return Prometheus(platform)


def up(prometheus: Prometheus) -> set[str]:
    return {str(series["metric"]["job"]) for series in prometheus.series("up == 1")}


def submit(stack: LocalStack, make_image: Callable[..., bytes], number: int) -> None:
    """Submit readable images and one of other bytes; wait until all have ended."""
    with httpx.Client(base_url=stack.base_url, timeout=20) as client:
        ids = []
        for index in range(number):
            image = make_image(width=100 + index, height=90, colour=(10 * index % 250, 90, 80))
            answer = client.post("/api/v1/jobs", files={"image": (f"{index}.jpg", image)})
            assert answer.status_code == 202, answer.text
            ids.append(answer.json()["id"])
        assert client.post("/api/v1/jobs", files={"image": ("a.jpg", b"no image")}).status_code == 415
        for job_id in ids:
            job = client.get(f"/api/v1/jobs/{job_id}", params={"wait": 20}).json()
            assert job["status"] == "succeeded", job


def records(stack: LocalStack) -> list[dict[str, str]]:
    """Every job record, read from Redis without any of our code."""
    with connect(f"redis://127.0.0.1:{stack.redis_port}/1", timeout_seconds=5, max_connections=4) as client:
        return [client.hgetall(key) for key in client.scan_iter(f"{keys.JOB}*")]


def test_every_part_answers_prometheus(prometheus: Prometheus) -> None:
    assert up(prometheus) == JOBS


def test_every_panel_of_every_dashboard_shows_something(prometheus: Prometheus) -> None:
    def empty() -> list[str]:
        asked = [query for path in FILES for query in queries(path)]
        return [f"{q.name}: {q.expression}" for q in asked if not prometheus.series(filled_in(q.expression))]

    wait_until(lambda: not empty(), SETTLED_SECONDS, what="series for every panel") if empty() else None
    assert empty() == []


def test_every_rule_evaluates_and_no_alert_fires_on_a_healthy_platform(prometheus: Prometheus) -> None:
    def evaluated() -> dict[str, Any]:
        found = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        return {rule["name"]: rule for rule in found if rule["health"] != "unknown"}

    expected = {*rules("alert"), *rules("record")}
    wait_until(lambda: set(evaluated()) == expected, SETTLED_SECONDS, what="an evaluation of every rule")
    assert {name: rule["lastError"] for name, rule in evaluated().items() if rule["health"] != "ok"} == {}
    # The disk of the machine that runs the tests is its owner's matter.
    firing = {name for name, rule in evaluated().items() if rule.get("state") == "firing"} - {"DentiqDiskFull"}
    assert firing == set()


def test_counts_equal_the_records_and_survive_the_death_of_every_process(
    platform: LocalStack, prometheus: Prometheus, make_image: Callable[..., bytes]
) -> None:
    for name in ("worker", "web", "redis"):
        before = platform.part_pid(name)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda part=name, old=before: platform.part_pid(part) != old, 30, what=f"a successor of {name}")
    wait_until(platform.is_ready, 60, what="readiness after every part was killed")
    submit(platform, make_image, 6)
    stored = records(platform)
    statuses = Counter(record["status"] for record in stored)
    versions = {record["version"] for record in stored}
    expected = {
        "max(dentiq_jobs_submitted_total)": len(stored),
        'max(dentiq_jobs_finished_total{status="succeeded"})': statuses["succeeded"],
        'max(dentiq_jobs_finished_total{status="failed"})': statuses["failed"],
        "sum(max by (model_version, label) (dentiq_predicted_labels_total))": statuses["succeeded"],
        "sum(max by (model_version, outcome) (dentiq_outcomes_total))": statuses["succeeded"],
    }
    assert statuses == {"succeeded": len(stored)}
    assert len(versions) == 1
    for outcome, count in Counter(record["outcome"] for record in stored).items():
        expected[f'max(dentiq_outcomes_total{{outcome="{outcome}"}})'] = count
    for expression, count in expected.items():
        wait_until(lambda e=expression, c=count: prometheus.value(e) == c, 40, what=f"{expression} == {count}")


@pytest.mark.parametrize("part", ["worker", "web"])
def test_a_scrape_adds_at_most_20_ms_to_a_request_in_19_of_20(platform: LocalStack, part: str) -> None:
    port = {"web": platform.port, "worker": platform.worker_metrics_port}[part]
    with httpx.Client(timeout=10) as client:

        def ask(address: str) -> None:
            assert client.get(address).status_code == 200

        assert_scrapes_are_quick(
            lambda: ask(f"http://127.0.0.1:{port}/metrics"), lambda: ask(f"{platform.base_url}/healthz")
        )


def test_the_stack_runs_without_observers_whose_ports_are_taken(platform: LocalStack, tmp_path: Any) -> None:
    second = LocalStack(tmp_path, prometheus_port=platform.prometheus_port)
    second.start()
    try:
        assert f"Without prometheus: port {platform.prometheus_port} is taken." in second.output
        assert second.is_ready()
    finally:
        assert second.stop() == 0
