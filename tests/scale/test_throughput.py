"""Workers beside each other: that the script measures them; the bars are held by a run on a quiet machine."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_four_workers_do_the_work_of_most_of_four(tmp_path: Path) -> None:
    out = tmp_path / "throughput.json"
    # A process of its own: it forks, and puts a stand-in where the network is.
    command = [sys.executable, "-m", "tests.scale.throughput", "4", "--seconds", "3", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    (found,) = json.loads(out.read_text(encoding="utf-8"))
    # A busy machine wakes sleepers late; workers that waited for each other would come to a quarter.
    assert 0.3 < found["ratio"] <= 1.1
    assert 0 < found["redis_share"] < 1
    assert found["worker_share"] > 0
