"""A real worker's metrics: two pool processes, one address, and a kill in between."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from common.shared_metrics import FOLDER_VARIABLE
from tests.fixtures.redis import free_port
from tests.integration.conftest import FaultBench
from tests.scrapes import assert_scrapes_are_quick
from tests.waiting import wait_until

Values = dict[str, float]


@pytest.fixture
def metrics_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    port = free_port()
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "counter_4194303.db").write_bytes(b"")  # left behind by a process of an earlier life
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.setenv("DENTIQ_WORKER_METRICS_PORT", str(port))
    return port


@pytest.fixture
def measured(metrics_port: int, make_redis: Callable[[], Any], tmp_path: Path) -> Iterator[FaultBench]:
    started = FaultBench(make_redis(), tmp_path)
    yield started
    started.close()


def scrape(port: int) -> Values:
    """Sum each sample over its labels."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except httpx.TransportError:
        return {}
    totals: Values = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0) + sample.value
    return totals


def test_processes_count_together_and_a_killed_one_takes_no_count_along(
    measured: FaultBench, metrics_port: int, tmp_path: Path
) -> None:
    wait_until(lambda: scrape(metrics_port), 20, what="the worker's metrics")
    first = measured.submit(*[bytes([n % 100]) for n in range(60)])
    measured.assert_each_succeeded_once(first)
    wait_until(lambda: scrape(metrics_port)["dentiq_end_to_end_seconds_count"] == 60, 5, what="sixty observations")
    before = scrape(metrics_port)
    assert before["dentiq_confidence_count"] == before["dentiq_decode_duration_seconds_count"] == 60
    assert before["dentiq_chunk_images_sum"] == 60
    assert before["dentiq_processes"] == 3
    assert before["dentiq_model_load_seconds_count"] == 2

    victim = measured.pool_pids()[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in measured.pool_pids() and len(measured.pool_pids()) == 2, 30, what="a successor")
    after = scrape(metrics_port)
    assert after["dentiq_end_to_end_seconds_count"] == 60
    assert after["dentiq_processes"] == 3
    assert after["dentiq_process_cpu_seconds_total"] >= before["dentiq_process_cpu_seconds_total"]
    assert not list((tmp_path / "metrics").glob(f"*_{victim}.db"))
    assert not list((tmp_path / "metrics").glob("*_4194303.db"))

    measured.submit(*[bytes([n]) for n in range(40)])
    wait_until(lambda: measured.store.counts()["succeeded"] == 100, 30, what="the second portion")
    wait_until(lambda: scrape(metrics_port)["dentiq_end_to_end_seconds_count"] == 100, 5, what="a hundred observations")


def test_a_scrape_of_a_worker_adds_at_most_20_ms_to_a_request_in_19_of_20(
    measured: FaultBench, metrics_port: int
) -> None:
    measured.ended(measured.submit(*[bytes([n]) for n in range(50)]))
    wait_until(lambda: scrape(metrics_port), 20, what="the worker's metrics")
    with httpx.Client(base_url=f"http://127.0.0.1:{metrics_port}") as client:
        # A page that does not exist costs this server everything but the collection.
        assert_scrapes_are_quick(lambda: client.get("/metrics"), lambda: client.get("/favicon.ico"))


def test_a_worker_is_well_once_a_process_of_it_holds_a_model(measured: FaultBench, metrics_port: int) -> None:
    def status() -> int:
        check = [sys.executable, "-m", "worker.health", f"http://127.0.0.1:{metrics_port}/metrics"]
        return subprocess.run(check, capture_output=True, timeout=20, check=False).returncode

    wait_until(lambda: scrape(metrics_port).get("dentiq_worker_models") == 2, 30, what="a model in both processes")
    assert status() == 0
    measured.close()
    assert status() == 1
