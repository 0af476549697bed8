"""Gunicorn's threaded worker, which gives a request to a thread only once it is there: a slow sender holds none.

Without it each sender of a byte now and then holds one of the threads that answer everybody. Requests are collected by
the loop that waits for connections; one whose body is too long to hold is read by a thread while it comes, at a least
rate and a few at one time, and waits unread until then.
"""

import errno
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import IO, Any, Final

from gunicorn import http
from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from common.errors import StorageFullError, UnavailableError
from infra.arrivals import Arrival, Patience, Stage

# What is taken of one sender before the others have their turn: 2 MB in pieces that cost little to move.
_PIECE_BYTES: Final = 256 * 1024
_PIECES: Final = 8

# Bytes of requests that a process holds at most; who comes on top is told that it took too long.
_HELD_BYTES: Final = 512 * 1024 * 1024

# Share of the connections above which the oldest request that is not whole makes room for a new one.
_CROWDED: Final = 0.75

_LEAVE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_ENDLESS_HEAD: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class _Received(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    """Give gunicorn's parser what has arrived, then what still comes, as long as it comes fast enough."""

    def __init__(self, sock: Any, arrival: Arrival, *, gave_up: bool) -> None:
        super().__init__(sock)
        self._arrival = arrival
        self._gave_up = gave_up
        self._held: IO[bytes] | None = arrival.open()

    @property
    def refusal(self) -> UnavailableError | None:
        """Why the server does not take the body, where that is not its sender's doing."""
        return _no_room(self._arrival.fault) if self._arrival.fault is not None else None

    @property
    def collected_seconds(self) -> float:
        """How long it took to arrive, as far as it has."""
        return self._arrival.collected_seconds

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Give the next bytes, at most as many as hinted at.

        Raises:
            TimeoutError: The sender was too slow, or there is a refusal.
        """
        if self._held is not None:
            piece = self._held.read(size_hint or self.mxchunk)
            if piece:
                return piece
            self.close()
        if self._arrival.fault is not None:
            raise TimeoutError("the request is refused")
        if self._gave_up or (self._arrival.stage is Stage.STREAMED and self._arrival.overdue(time.monotonic())):
            raise TimeoutError("the request came too slowly")
        piece = bytes(super().chunk(size_hint))
        self._arrival.feed(piece, time.monotonic())
        return piece

    def close(self) -> None:
        """Drop what has arrived; what is read from now on is the socket's."""
        self._held = None
        self._arrival.close()


def _no_room(fault: OSError) -> UnavailableError:
    if fault.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        error: UnavailableError = StorageFullError("The server has no room to take this request; send it again later.")
    else:
        error = UnavailableError("The server cannot take this request now; send it again later.")
    # For the log.
    error.__cause__ = fault
    return error


class _SoundBody:
    """Read a body: chunks that are none are, for the application, a sender who broke off, and a refusal is an error.

    The unreader cannot raise the refusal itself: gunicorn reads on after an answer, and expects errors of sockets.
    """

    def __init__(self, reader: Any, unreader: _Received) -> None:
        self._reader = reader
        self._unreader = unreader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, size: int) -> bytes:
        try:
            return bytes(self._reader.read(size))
        except TimeoutError:
            if self._unreader.refusal is not None:
                raise self._unreader.refusal from self._unreader.refusal.__cause__
            raise
        except ParseException as error:
            raise OSError(f"the request's body cannot be read: {error}") from error


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Collect requests before threads see them."""

    patience = Patience()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[TConn, Arrival] = {}
        self._streams: set[TConn] = set()
        self._waiting: deque[tuple[TConn, Arrival]] = deque()
        self._looked_at = 0.0
        # Three quarters of the threads stay free for what is there already.
        self._most_streams = max(1, self.cfg.threads // 4)

    def enqueue_req(self, conn: TConn) -> None:
        """Take a connection whose next request begins; every way to a thread leads through here."""
        if self._arriving and self.nr_conns > self.worker_connections * _CROWDED:
            # Whoever has been at it for longest makes room: so many at one time are no ordinary senders.
            self._give_up(*next(iter(self._arriving.items())))
        arrival = Arrival(self.patience, began=time.monotonic())
        begun = self._begun(conn)
        if begun:
            arrival.feed(begun, arrival.began)
        conn.sock.setblocking(False)
        self._arriving[conn] = arrival
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_bytes, conn, arrival))
        # What a quick sender sent is there by now, and most requests are one piece.
        self._on_bytes(conn, arrival, conn.sock)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request."""
        if req.body is not None:
            req.body.reader = _SoundBody(req.body.reader, conn.parser.unreader)
            if conn.parser.unreader.refusal is not None:
                # Where its next request would begin is never read.
                req.force_close()
            # For whoever tells the sender's time from the server's (see web.body_timer).
            req.body.collected_seconds = conn.parser.unreader.collected_seconds
        return super().handle_request(req, conn)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Go on with the connection, and with a long body that waited for this one."""
        if conn.parser is not None and isinstance(conn.parser.unreader, _Received):
            conn.parser.unreader.close()
        self._streams.discard(conn)
        while self._waiting and len(self._streams) < self._most_streams:
            self._stream(*self._waiting.popleft())
        if getattr(conn, "rest", b"") and fs.exception() is None and fs.result() is True:
            self.enqueue_req(conn)
            return
        super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """End what takes too long; called after every event, which is more often than is needed."""
        super().murder_pending()
        now = time.monotonic()
        if self.alive and now < self._looked_at + 1.0:
            return
        self._looked_at = now
        for conn, arrival in list(self._arriving.items()):
            idle_at_the_end = not self.alive and not arrival.received
            if idle_at_the_end or arrival.overdue(now):
                self._give_up(conn, arrival)
        while self._waiting and now > self._waiting[0][1].began + self.patience.grace_seconds:
            conn, arrival = self._waiting.popleft()
            self._hand_over(conn, arrival, gave_up=True)

    def _on_bytes(self, conn: TConn, arrival: Arrival, _sock: Any) -> None:
        if not self._receive(conn, arrival):
            self._drop(conn, arrival)
        elif arrival.stage in {Stage.WHOLE, Stage.BROKEN}:
            self._hand_over(conn, arrival)
        elif arrival.stage is Stage.STREAMED:
            self._stream(conn, arrival)
        elif arrival.stage is Stage.ENDLESS:
            self._refuse(conn, arrival, _ENDLESS_HEAD)
        elif arrival.expects_leave:
            arrival.expects_leave = False
            with suppress(OSError):
                conn.sock.send(_LEAVE)
        elif sum(other.received for other in self._arriving.values()) > _HELD_BYTES:
            self._give_up(conn, arrival)

    def _receive(self, conn: TConn, arrival: Arrival) -> bool:
        """Take what is there; whether there may be more to come."""
        for _ in range(_PIECES):
            # It may be whole by what came with the request before: what follows is not its own.
            if arrival.stage not in {Stage.HEAD, Stage.BODY}:
                return True
            try:
                piece = conn.sock.recv(_PIECE_BYTES)
            except (BlockingIOError, InterruptedError):
                return True
            except OSError:
                return False
            if not piece:
                return False
            arrival.feed(piece, time.monotonic())
        return True

    def _stream(self, conn: TConn, arrival: Arrival) -> None:
        if len(self._streams) >= self._most_streams:
            self._leave_loop(conn)
            self._waiting.append((conn, arrival))
            return
        self._streams.add(conn)
        # Its time begins now, not while it had to wait.
        arrival.began = time.monotonic()
        self._hand_over(conn, arrival)

    def _give_up(self, conn: TConn, arrival: Arrival) -> None:
        """Tell a sender that was too slow; one that has not even said what it wants is cut off."""
        if arrival.stage is Stage.HEAD:
            self._drop(conn, arrival)
        else:
            self._hand_over(conn, arrival, gave_up=True)

    def _hand_over(self, conn: TConn, arrival: Arrival, *, gave_up: bool = False) -> None:
        self._leave_loop(conn)
        if conn.parser is None:
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
        conn.parser.unreader = _Received(conn.sock, arrival, gave_up=gave_up)
        conn.rest = arrival.rest
        conn.data_ready = True
        super().enqueue_req(conn)

    def _refuse(self, conn: TConn, arrival: Arrival, answer: bytes) -> None:
        with suppress(OSError):
            conn.sock.send(answer)
        self._drop(conn, arrival)

    def _drop(self, conn: TConn, arrival: Arrival) -> None:
        self._leave_loop(conn)
        arrival.close()
        self.nr_conns -= 1
        conn.close()

    def _leave_loop(self, conn: TConn) -> None:
        if self._arriving.pop(conn, None) is not None:
            self.poller.unregister(conn.sock)

    @staticmethod
    def _begun(conn: TConn) -> bytes:
        """Give what came of the next request together with the one before."""
        if conn.parser is None:
            return b""
        begun = conn.parser.unreader.take_buffered() + getattr(conn, "rest", b"")
        conn.rest = b""
        return bytes(begun)
