"""What the terminal is told about parts that die."""

from pathlib import Path

from infra.local.control import PartState
from infra.local.watch import Announcer


class Terminal:
    """An announcer whose words are kept."""

    def __init__(self, log_dir: Path) -> None:
        self.lines: list[str] = []
        self._announcer = Announcer(self.lines.append, log_dir=log_dir)

    def see(self, state: str, *, pid: int = 0, uptime: int = 1) -> None:
        part = PartState(name="worker", state=state, pid=pid, uptime_seconds=uptime, description="why")
        self._announcer.update({"worker": part})


def test_a_first_start_is_no_news(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.see("STARTING", pid=10)
    terminal.see("RUNNING", pid=10)
    assert terminal.lines == []


def test_a_part_that_died_and_runs_again_is_told_once(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    for pid in (10, 11, 11):
        terminal.see("RUNNING", pid=pid)
    assert terminal.lines == ["worker (process 10) ended and was started again (process 11)."]


def test_a_part_that_cannot_start_shows_its_log_once(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("no model\n")
    terminal = Terminal(tmp_path)
    for state in ("BACKOFF", "STARTING", "BACKOFF", "FATAL"):
        terminal.see(state)
    assert sum("no model" in line for line in terminal.lines) == 1


def test_a_part_that_dies_again_and_again_shows_its_log_and_then_nothing_new(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("no model\n")
    terminal = Terminal(tmp_path)
    for pid in range(10, 30):
        terminal.see("RUNNING", pid=pid)
    assert sum("started again (process" in line for line in terminal.lines) == 2
    assert sum("no model" in line for line in terminal.lines) == 1


def test_a_death_after_a_stable_time_is_news_again(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    for pid in range(10, 30):
        terminal.see("RUNNING", pid=pid)
    terminal.see("RUNNING", pid=29, uptime=31)
    told = len(terminal.lines)
    terminal.see("RUNNING", pid=30)
    assert terminal.lines[told:] == ["worker (process 29) ended and was started again (process 30)."]
