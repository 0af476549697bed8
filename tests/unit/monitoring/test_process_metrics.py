"""What the system counts for a parent and its children."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.process_metrics import ProcessMetrics

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="it reads Linux's /proc")

# A parent that burns processor time in a child, tells when the child has ended, and waits for more input.
_PARENT = """
import subprocess, sys
burn = "import time\\nend = time.process_time() + 0.3\\nwhile time.process_time() < end: pass"
for line in sys.stdin:
    if line == "burn\\n":
        subprocess.run([sys.executable, "-c", burn])
    else:
        kept = subprocess.Popen([sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"])
        continue
    print("done", flush=True)
kept.kill()
"""


def shown(parent: int) -> dict[str, float]:
    families = ProcessMetrics("worker", parent=parent).collect()
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_children_count_with_their_parent_and_their_time_stays_when_they_end() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    try:
        parent.stdin.write("burn\n")
        assert parent.stdout.readline() == "done\n"
        after_one = shown(parent.pid)
        assert after_one["dentiq_processes"] == 1
        assert 0.25 <= after_one["dentiq_process_cpu_seconds_total"] < 5
        parent.stdin.write("keep\n")
        assert parent.stdout.readline() == "up\n"
        with_child = shown(parent.pid)
        assert with_child["dentiq_processes"] == 2
        assert with_child["dentiq_process_resident_memory_bytes"] > after_one["dentiq_process_resident_memory_bytes"]
        assert with_child["dentiq_process_cpu_seconds_total"] >= after_one["dentiq_process_cpu_seconds_total"]
    finally:
        parent.kill()
        parent.communicate()


def test_a_part_that_is_gone_shows_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert shown(ended.pid) == {}


def test_it_is_quick_enough_for_a_scrape() -> None:
    started = time.perf_counter()
    shown(1)
    assert time.perf_counter() - started < 0.02
