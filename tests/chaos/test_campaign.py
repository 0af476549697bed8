"""A short campaign with seeds of its own each time; `make chaos` is the long one."""

import time
from pathlib import Path

import pytest

from tests.chaos.campaign import Journal, describe, run_campaign

_CYCLES = 24
_SECONDS = 75


@pytest.mark.timeout(240)
def test_nothing_is_lost_and_nothing_counted_twice_whatever_happens(tmp_path: Path) -> None:
    verdicts = run_campaign(
        Journal(tmp_path), base=f"s{int(time.time())}-", cycles=_CYCLES, seconds=_SECONDS, say=print
    )
    assert verdicts
    assert [describe(verdict) for verdict in verdicts if verdict.complaints] == []
