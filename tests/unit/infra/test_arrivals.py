"""One request on its way in: when it is whole, how long it may take, and what becomes of it when the disk is full."""

import errno
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import pytest

from infra.arrivals import MAX_HEAD_BYTES, MAX_HELD_BYTES, Arrival, Patience, Stage

Fed = Callable[..., Arrival]
Cut = Callable[[bytes], list[bytes]]

PATIENCE = Patience(head_seconds=20, silence_seconds=30, grace_seconds=30, slowest_rate=1000)
HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\n"


def head(*lines: str) -> bytes:
    return HEAD + b"".join(line.encode() + b"\r\n" for line in lines) + b"\r\n"


@pytest.fixture
def fed() -> Iterator[Fed]:
    """Make a request of which these pieces have come: `fed([b"GET", b" /"], at=1.0)`."""
    with ExitStack() as made:

        def feed(pieces: Iterable[bytes], *, at: float = 0.0) -> Arrival:
            arrival = Arrival(PATIENCE, began=at)
            made.callback(arrival.close)
            for piece in pieces:
                arrival.feed(piece, at)
            return arrival

        yield feed


def in_bytes(sent: bytes) -> list[bytes]:
    return [sent[place : place + 1] for place in range(len(sent))]


@pytest.mark.parametrize("cut", [lambda sent: [sent], in_bytes], ids=["in one piece", "byte by byte"])
@pytest.mark.parametrize(
    "sent", [head(), head("Content-Length: 5") + b"hello", head("content-LENGTH :\t5") + b"hello"], ids=range(3)
)
def test_a_request_is_whole_with_its_last_byte(fed: Fed, sent: bytes, cut: Cut) -> None:
    assert fed(cut(sent[:-1])).stage is not Stage.WHOLE
    arrival = fed(cut(sent))
    assert arrival.stage is Stage.WHOLE
    assert arrival.open().read() == sent
    assert arrival.rest == b""


def test_what_comes_behind_the_end_is_the_next_requests(fed: Fed) -> None:
    arrival = fed([head("Content-Length: 5") + b"hel", b"loGET /"])
    assert arrival.open().read().endswith(b"\r\n\r\nhello")
    assert arrival.rest == b"GET /"


@pytest.mark.parametrize(
    "lines",
    [
        ["Transfer-Encoding: chunked"],
        ["Content-Length: 3", "Transfer-Encoding: chunked"],
        ["Content-Length: 3", "Content-Length: 3"],
        ["Content-Length: -1"],
        ["Content-Length: many"],
        [f"Content-Length: {MAX_HELD_BYTES + 1}"],
        [f"Content-Length: {'9' * 30}"],
    ],
)
def test_a_body_whose_length_is_long_or_unclear_is_streamed(fed: Fed, lines: list[str]) -> None:
    arrival = fed([head(*lines) + b"abc"])
    assert arrival.stage is Stage.STREAMED
    # Whoever reads it gets all that came, and judges it.
    assert arrival.open().read() == head(*lines) + b"abc"


def test_the_longest_body_that_is_held_is_not_streamed(fed: Fed) -> None:
    assert fed([head(f"Content-Length: {MAX_HELD_BYTES}")]).stage is Stage.BODY


def test_a_head_has_an_end(fed: Fed) -> None:
    arrival = fed([HEAD])
    line = b"X: " + b"a" * 1000 + b"\r\n"
    for _ in range(MAX_HEAD_BYTES // len(line) + 1):
        arrival.feed(line, 0.0)
    assert arrival.stage is Stage.ENDLESS
    assert fed([HEAD + line * 70 + b"\r\n"]).stage is Stage.ENDLESS


def test_leave_is_asked_for_while_a_body_is_missing(fed: Fed) -> None:
    asking = head("Content-Length: 2", "Expect: 100-continue")
    assert fed([asking]).expects_leave
    assert not fed([asking + b"ab"]).expects_leave
    assert not fed([head("Content-Length: 2")]).expects_leave


def test_nobody_waits_for_longer_than_the_patience_says(fed: Fed) -> None:
    silent = Arrival(PATIENCE, began=100.0)
    assert (silent.overdue(130.0), silent.overdue(130.1)) == (False, True)

    in_the_head = fed([HEAD], at=100.0)
    in_the_head.feed(b"X", 119.0)
    assert (in_the_head.overdue(120.0), in_the_head.overdue(120.1)) == (False, True)

    # 2,000 bytes at 1,000 a second: 2 s beside the grace.
    in_the_body = fed([(head("Content-Length: 9000") + bytes(2000))[:2000]], at=100.0)
    in_the_body.feed(b"", 125.0)
    assert (in_the_body.overdue(132.0), in_the_body.overdue(132.1)) == (False, True)

    quick_then_silent = fed([head("Content-Length: 900000") + bytes(800_000)], at=100.0)
    assert (quick_then_silent.overdue(130.0), quick_then_silent.overdue(130.1)) == (False, True)


def test_the_time_of_collecting_is_from_the_first_byte_to_the_latest(fed: Fed) -> None:
    arrival = fed([], at=1.0)
    assert arrival.collected_seconds == 0.0
    arrival.feed(HEAD, 10.0)
    arrival.feed(b"\r\n", 12.5)
    assert arrival.collected_seconds == 2.5


class _FullDisk:
    """A spooled file whose disk is full: from the start, or once what waits in its buffer is written."""

    def __init__(self, *, refuses: str) -> None:
        self._refuses = refuses

    def _do(self, what: str) -> int:
        if what in {self._refuses, "close"}:
            raise OSError(errno.ENOSPC, "No space left on device")
        return 0

    def write(self, piece: bytes) -> int:
        return self._do("write") or len(piece)

    def seek(self, place: int) -> int:
        return self._do("seek") or place

    def close(self) -> None:
        self._do("close")


@pytest.mark.parametrize("refuses", ["write", "seek"])
def test_a_full_disk_breaks_the_request_and_leaves_its_head(
    fed: Fed, monkeypatch: pytest.MonkeyPatch, refuses: str
) -> None:
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda **_: _FullDisk(refuses=refuses))
    sent = head("Content-Length: 5")
    arrival = fed([sent + b"hel", b"lo"])
    assert arrival.open().read() == sent
    assert arrival.stage is Stage.BROKEN
    assert arrival.fault is not None
    assert arrival.fault.errno == errno.ENOSPC
    # What still comes is nobody's.
    arrival.feed(b"more", 0.0)
    arrival.close()
    assert arrival.rest == b""
