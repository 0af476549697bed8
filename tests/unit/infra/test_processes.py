"""Only processes that are proven to be ours are found and stopped."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.processes import (
    MARK_VARIABLE,
    PART_VARIABLE,
    find_leftovers,
    find_marked,
    read_record,
    record_process,
    start_of,
    stop_processes,
)

Spawn = Callable[..., "subprocess.Popen[bytes]"]
WAITS = "print('up', flush=True); import time; time.sleep(60)"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a Python process and wait until its first line of output."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str = WAITS, **environment: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, **environment}
        )
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_recorded_process_is_found(tmp_path: Path, spawn: Spawn) -> None:
    process = spawn()
    record_process(tmp_path / "run" / "parts" / "web.json", process.pid)
    assert find_leftovers(tmp_path) == {process.pid}


def test_a_foreign_process_that_reuses_the_number_is_not_ours(tmp_path: Path, spawn: Spawn) -> None:
    process = spawn()
    record = tmp_path / "run" / "parts" / "web.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"pid": process.pid, "started": "12345"}))
    assert find_leftovers(tmp_path) == set()


def test_a_process_without_a_record_is_found_by_its_mark(tmp_path: Path, spawn: Spawn) -> None:
    process = spawn(**{MARK_VARIABLE: str(tmp_path)})
    assert find_leftovers(tmp_path) == {process.pid}


def test_the_stack_of_another_data_folder_is_left_alone(tmp_path: Path, spawn: Spawn) -> None:
    spawn(**{MARK_VARIABLE: str(tmp_path / "other")})
    assert find_leftovers(tmp_path) == set()


def test_processes_of_one_part_are_told_from_the_others(tmp_path: Path, spawn: Spawn) -> None:
    worker = spawn(**{MARK_VARIABLE: str(tmp_path), PART_VARIABLE: "worker"})
    spawn(**{MARK_VARIABLE: str(tmp_path), PART_VARIABLE: "web"})
    assert find_marked(tmp_path, part="worker") == {worker.pid}


def test_a_process_that_ignores_sigterm_is_killed(spawn: Spawn) -> None:
    process = spawn(IGNORES_SIGTERM)
    stop_processes([process.pid], grace_seconds=0.2)
    assert process.wait(timeout=5) == -9


def test_a_process_that_ends_on_sigterm_is_not_killed(spawn: Spawn) -> None:
    process = spawn()
    stop_processes([process.pid], grace_seconds=5)
    assert process.wait(timeout=5) == -15


def test_a_dead_process_has_no_start(spawn: Spawn) -> None:
    process = spawn()
    assert start_of(process.pid)
    process.kill()
    process.wait()
    assert start_of(process.pid) == ""


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"pid": "x", "started": "1"}', "not json"])
def test_a_damaged_record_counts_as_none(tmp_path: Path, content: str) -> None:
    record = tmp_path / "web.json"
    record.write_text(content)
    assert read_record(record) is None


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record_process(tmp_path / "me.json", os.getpid())
    record = read_record(tmp_path / "me.json")
    assert record is not None
    assert record.pid == os.getpid()
    assert record.alive
