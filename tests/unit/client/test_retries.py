"""Pauses before another try."""

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from client.retries import RequestRetries

POLICY = RequestRetries(first_pause_seconds=1.0)


def test_the_pause_doubles_and_is_spread() -> None:
    for failed, expected in ((1, 1.0), (2, 2.0), (3, 4.0)):
        assert 0.75 * expected <= POLICY.pause_seconds(failed) <= 1.25 * expected
    assert len({POLICY.pause_seconds(1) for _ in range(10)}) > 1


def test_the_pause_has_an_end() -> None:
    assert POLICY.pause_seconds(50) <= 37.5


@pytest.mark.parametrize(("header", "expected"), [("5", 5.0), ("0", 0.0), ("-3", 0.0), ("99999", 30.0)])
def test_the_server_decides_within_reason(header: str, expected: float) -> None:
    assert POLICY.pause_seconds(1, retry_after=header) == expected


def test_a_date_is_understood() -> None:
    header = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=10))
    assert 8 <= POLICY.pause_seconds(1, retry_after=header) <= 10


@pytest.mark.parametrize("header", ["soon", "", None])
def test_nonsense_leaves_our_own_guess(header: str | None) -> None:
    assert 0.75 <= POLICY.pause_seconds(1, retry_after=header) <= 1.25
