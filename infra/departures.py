"""Connections whose last answer is sent: they close once the peer has read it, and the loop waits for none of them.

Closed at once, a connection with unread bytes is reset, and the reset may swallow the answer (RFC 9112, section 9.6).
Gunicorn waits up to two seconds for each such peer in the loop that serves everybody: twenty peers that keep their side
open are forty seconds without an answer to anyone.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, BaseSelector
from typing import Final

from gunicorn.workers.gthread import TConn

_LONGEST_SECONDS: Final = 2.0
_PIECE_BYTES: Final = 64 * 1024


class Departures:
    """Half-close connections, throw away what still comes, and close them at its end or after two seconds."""

    def __init__(self, poller: Callable[[], BaseSelector], closed: Callable[[], None]) -> None:
        """Prepare.

        Args:
            poller: Gives the selector of the worker's loop, whose entries are called with the socket.
            closed: Told of each connection once it is closed.
        """
        self._poller = poller
        self._closed = closed
        self._deadlines: dict[TConn, float] = {}

    def begin(self, conn: TConn) -> None:
        """Say that no more is sent, and wait for the peer to have read it."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
        except OSError:
            self._close(conn)
            return
        self._deadlines[conn] = time.monotonic() + _LONGEST_SECONDS
        self._poller().register(conn.sock, EVENT_READ, partial(self._on_bytes, conn))

    def end_overdue(self, now: float) -> None:
        """Close what has had its time."""
        # In the order of their beginnings, and each has as long.
        for conn, deadline in list(self._deadlines.items()):
            if now < deadline:
                return
            self._leave(conn)

    def _on_bytes(self, conn: TConn, _sock: socket.socket) -> None:
        try:
            if conn.sock.recv(_PIECE_BYTES):
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass
        self._leave(conn)

    def _leave(self, conn: TConn) -> None:
        del self._deadlines[conn]
        self._poller().unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        with suppress(OSError):
            conn.close()
        self._closed()
