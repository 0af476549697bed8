"""The wrapper of each part: tied to its parent, on record, after Redis, and then the program itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.child import wait_for_redis
from infra.local.processes import MARK_VARIABLE, PART_VARIABLE, read_record, start_of
from tests.fixtures.redis import RedisServer, free_port
from tests.waiting import wait_until

WRAPPER = (sys.executable, "-m", "infra.local.child")
SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")


def test_it_becomes_the_program_under_the_same_number_and_records_it(tmp_path: Path) -> None:
    record = tmp_path / "part.json"
    program = (sys.executable, "-c", "import os; print(os.getpid())")
    process = subprocess.Popen([*WRAPPER, record, "-", *program], stdout=subprocess.PIPE, text=True)
    output, _ = process.communicate(timeout=20)
    written = read_record(record)
    assert written is not None
    assert int(output) == process.pid == written.pid


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process of its parent's death")
def test_it_dies_with_a_killed_parent(tmp_path: Path) -> None:
    record = tmp_path / "part.json"
    command = [*WRAPPER, str(record), "-", *SLEEPS]
    code = f"import subprocess, time; subprocess.Popen({command!r}); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        child = wait_until(lambda: read_record(record), 20, what="the record of the child")
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not start_of(child.pid), 10, what="the end of the child")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="marks are read from /proc")
def test_it_ends_what_a_killed_predecessor_left(tmp_path: Path) -> None:
    environment = {**os.environ, MARK_VARIABLE: str(tmp_path), PART_VARIABLE: "worker"}
    orphan = subprocess.Popen(SLEEPS, env=environment)
    subprocess.run([*WRAPPER, tmp_path / "part.json", "-", "true"], env=environment, check=True, timeout=20)
    assert orphan.wait(timeout=5) == -signal.SIGTERM


def test_a_redis_that_answers_lets_it_go_on(redis_server: RedisServer) -> None:
    assert wait_for_redis(redis_server.port, seconds=5)


def test_a_redis_that_is_away_is_given_up_after_the_deadline() -> None:
    assert not wait_for_redis(free_port(), seconds=0.1)
