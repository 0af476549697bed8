"""What gunicorn's parser is given of a request that has arrived."""

import socket
from collections.abc import Iterator

import pytest

from infra.arrivals import Arrival, Patience
from infra.received import Received

BODY = bytes(range(256)) * 8192  # 2 MB
HEAD = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(BODY)


@pytest.fixture
def received() -> Iterator[Received]:
    arrival = Arrival(Patience(), began=0.0)
    arrival.feed(HEAD + BODY, 1.0)
    near, far = socket.socketpair()
    with near, far:
        reader = Received(near, arrival, gave_up=False, refusal=None)
        yield reader
        reader.close()


def test_a_body_is_given_whole_to_who_reads_it_in_steps(received: Received) -> None:
    assert received.read(len(HEAD)) == HEAD
    left = len(BODY)
    pieces = []
    while left:
        pieces.append(received.read(min(65_536, left), read_ahead=left))
        left -= len(pieces[-1])
    assert b"".join(pieces) == BODY


def test_no_more_is_given_at_one_time_than_is_cheap_to_copy(received: Received) -> None:
    # gunicorn asks for all of a body of known length, and copies what it holds at each reading of 64 kB.
    assert received.read(len(HEAD)) == HEAD
    received.read(65_536, read_ahead=len(BODY))
    assert len(received.take_buffered()) <= 2 * 65_536
