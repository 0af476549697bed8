"""A short campaign with seeds of its own each time; `make chaos` is the long one."""

import time
from pathlib import Path

import pytest

from tests.chaos.campaign import Journal, describe, run_campaign

_CYCLES = 24
_CYCLES_A_HISTORY = 8
# After this no further history begins. One takes 20 s on an idle machine, minutes on a crowded one.
_SECONDS = 75


@pytest.mark.timeout(420)
def test_nothing_is_lost_and_nothing_counted_twice_whatever_happens(tmp_path: Path) -> None:
    verdicts = run_campaign(
        Journal(tmp_path),
        base=f"s{int(time.time())}-",
        cycles=_CYCLES,
        seconds=_SECONDS,
        say=print,
        cycles_a_history=_CYCLES_A_HISTORY,
    )
    assert verdicts
    assert [describe(verdict) for verdict in verdicts if verdict.complaints] == []
