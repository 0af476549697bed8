"""Counting in several processes: nothing is lost with a process, and nothing of it remains but its counts."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from common.shared_metrics import FOLDER_VARIABLE, SharedMetrics, forget_earlier_life
from tests.waiting import wait_until

# Counts three times and observes one confidence, then ends, or lives until its input is closed.
_COUNTING_PROCESS = textwrap.dedent(
    """
    import sys
    from prometheus_client import CollectorRegistry
    from common import metrics
    registry = CollectorRegistry()
    metrics.counter(metrics.SWEEPS, registry).inc(3)
    metrics.histogram(metrics.CONFIDENCE, registry).labels("v1").observe(0.85)
    print("counted", flush=True)
    if sys.argv[1] == "stay":
        sys.stdin.read()
    """
)

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Any:
    started: list[subprocess.Popen[str]] = []

    def start_one(mode: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", _COUNTING_PROCESS, mode],
            env=os.environ | {FOLDER_VARIABLE: str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "counted\n"
        if mode == "end":
            process.wait(timeout=10)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


def shown(folder: Path) -> list[str]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SharedMetrics(folder))
    return generate_latest(registry).decode().splitlines()


def test_the_counts_of_all_processes_are_summed(start: Start, tmp_path: Path) -> None:
    start("stay")
    start("stay")
    lines = shown(tmp_path)
    assert "dentiq_sweeps_total 6.0" in lines
    assert 'dentiq_confidence_bucket{le="0.8",model_version="v1"} 0.0' in lines
    assert 'dentiq_confidence_bucket{le="0.9",model_version="v1"} 2.0' in lines
    assert 'dentiq_confidence_count{model_version="v1"} 2.0' in lines


def test_what_a_killed_process_counted_goes_on_to_count(start: Start, tmp_path: Path) -> None:
    start("stay")
    victim = start("stay")
    victim.kill()
    victim.wait()
    for _ in range(3):  # however often it is looked at
        lines = shown(tmp_path)
        assert "dentiq_sweeps_total 6.0" in lines
        assert 'dentiq_confidence_sum{model_version="v1"} 1.7' in lines


def test_many_dead_processes_leave_one_file_of_each_kind(start: Start, tmp_path: Path) -> None:
    for _ in range(4):
        start("end")
    assert len(list(tmp_path.glob("*.db"))) == 8
    assert "dentiq_sweeps_total 12.0" in shown(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["counter_0.db", "histogram_0.db"]


def test_an_earlier_life_is_forgotten_but_not_a_living_neighbour(start: Start, tmp_path: Path) -> None:
    start("end")
    shown(tmp_path)
    start("end")
    start("stay")
    forget_earlier_life(tmp_path)
    assert "dentiq_sweeps_total 3.0" in shown(tmp_path)


def test_a_file_that_a_process_is_about_to_lay_out_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / f"counter_{os.getpid()}.db").touch()
    assert shown(tmp_path) == []


def test_the_client_shares_only_if_the_variable_stood_before_its_import(tmp_path: Path) -> None:
    """The reason why supervisor, Compose and gunicorn's configuration set it, and no module of ours does."""
    late = f"""
import os, prometheus_client
os.environ[{FOLDER_VARIABLE!r}] = {str(tmp_path)!r}
prometheus_client.Counter("late", "Counted alone.").inc()
"""
    subprocess.run([sys.executable, "-c", late], check=True, timeout=30)
    assert list(tmp_path.glob("*.db")) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a lock is inherited by a fork only where there is one")
def test_a_fork_in_the_midst_of_a_scrape_locks_nobody_out(tmp_path: Path) -> None:
    shown(tmp_path)
    code = f"""
import os, time
from pathlib import Path
from common import shared_metrics
with shared_metrics._exclusive(Path({str(tmp_path)!r})):
    child = os.fork()
    if not child:
        os.close(1)
        time.sleep(30)
        os._exit(0)
print(child, flush=True)
"""
    holder = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=20, check=False)
    child = int(holder.stdout)
    try:
        assert wait_until(lambda: shown(tmp_path) == [], 5)
    finally:
        os.kill(child, 9)
