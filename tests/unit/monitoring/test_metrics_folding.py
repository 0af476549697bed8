"""Folding the counts of the dead: whoever folds may be killed at any point, and no count is lost or doubled."""

import shutil
import subprocess
import sys
import textwrap
from itertools import count
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from common.shared_metrics import SharedMetrics, forget_earlier_life

# Above every process number that Linux gives.
_NO_PROCESS = 4_194_400

# Kills itself before the n-th change to a folder: before each opening, renaming and unlinking there.
_FOLDING_PROCESS = textwrap.dedent(
    """
    import os, signal, sys
    from itertools import count
    from pathlib import Path
    from common.shared_metrics import SharedMetrics
    folder, last = sys.argv[1], int(sys.argv[2])
    steps = count(1)
    def stop(event, arguments):
        if event in {"os.rename", "os.remove", "open"} and str(arguments[0]).startswith(folder):
            if next(steps) == last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(stop)
    list(SharedMetrics(Path(folder)).collect())
    """
)


def leave_behind(folder: Path, *, number: int, counted: float) -> None:
    """Write the files of a process that is gone."""
    for kind in ("counter", "histogram", "gauge_livesum"):
        values = MmapedDict(str(folder / f"{kind}_{_NO_PROCESS + number}.db"))  # type: ignore[no-untyped-call]
        name, end = f"a_{kind}", {"counter": "_total", "histogram": "_sum"}.get(kind, "")
        key = mmap_key(name, name + end, [], [], "Counts.")
        values.write_value(key, counted, 0.0)  # type: ignore[no-untyped-call]
        values.close()  # type: ignore[no-untyped-call]


def shown(folder: Path) -> dict[str, float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SharedMetrics(folder))
    lines = generate_latest(registry).decode().splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Counts of 7 that were folded before, and of 1, 2 and 4 that were not."""
    made = tmp_path / "before"
    made.mkdir()
    leave_behind(made, number=9, counted=7)
    shown(made)
    for number in range(3):
        leave_behind(made, number=number, counted=2**number)
    return made


def test_a_kill_at_any_point_of_a_fold_loses_and_doubles_no_count(folder: Path, tmp_path: Path) -> None:
    for last in count(1):
        struck = tmp_path / f"struck-{last}"
        shutil.copytree(folder, struck)
        done = subprocess.run([sys.executable, "-c", _FOLDING_PROCESS, str(struck), str(last)], timeout=30, check=False)
        for _ in range(2):
            assert shown(struck) == {"a_counter_total": 14, "a_histogram_sum": 14}, f"killed before step {last}"
        assert {path.name for path in struck.iterdir()} == {"lock", "counter_0.db", "histogram_0.db"}
        if not done.returncode:
            break
    # The journal, two totals, six retirements and as many removals at least.
    assert last > 20


def test_a_new_process_with_the_number_of_a_dead_one_keeps_its_file(folder: Path, tmp_path: Path) -> None:
    # The journal is written, nothing of it is done yet.
    steps = iter(range(1, 200))
    while not (tmp_path / "struck" / "fold.json").exists():
        shutil.rmtree(tmp_path / "struck", ignore_errors=True)
        shutil.copytree(folder, tmp_path / "struck")
        command = [sys.executable, "-c", _FOLDING_PROCESS, str(tmp_path / "struck"), str(next(steps))]
        subprocess.run(command, timeout=30, check=False)
    leave_behind(tmp_path / "struck", number=0, counted=100)
    assert shown(tmp_path / "struck")["a_counter_total"] == 114


def test_what_a_fold_left_under_way_belongs_to_an_earlier_life(folder: Path) -> None:
    (folder / "fold.json").write_text('{"totals": ["counter_0.db"], "folded": []}', encoding="utf-8")
    (folder / "counter_0.db.next").write_bytes(b"")
    (folder / "counter_5_1.dead").write_bytes(b"")
    forget_earlier_life(folder)
    assert [path.name for path in folder.iterdir()] == ["lock"]
