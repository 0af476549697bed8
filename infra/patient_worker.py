"""Gunicorn's threaded worker, which gives a request to a thread only once it is there: a slow sender holds none.

Without it each sender of a byte now and then holds one of the threads that answer everybody. Requests are collected by
the loop that waits for connections; one whose body is too long to hold is read by a thread while it comes, at a least
rate and a few at one time, and waits unread until then.
"""

import errno
import secrets
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any, Final

from gunicorn import http
from gunicorn.workers.gthread import TConn

from common.errors import UnavailableError
from infra.arrivals import Arrival, Patience, Stage
from infra.departures import Departures
from infra.loading import LoadingWorker
from infra.received import Received, SoundBody
from infra.refused_heads import ENDLESS, TOO_LONG, RefusedHead, refused_head

# What is taken of one sender before the others have their turn: 2 MB in pieces that cost little to move.
_PIECE_BYTES: Final = 256 * 1024
_PIECES: Final = 8

# Short bodies find room where long ones do not: as many as there are connections, and each is read soon.
_SHORT_BYTES: Final = 1024 * 1024

_FULL: Final = "The server holds as many bytes of requests as it may; send this one again later."
_NO_PLACE: Final = "The server takes as many long requests as it can; send this one again later, or in smaller parts."

# What the system says when nothing more may be opened, and how long no connection is taken then: they wait in the
# listener's backlog meanwhile, and requests under way end and give files back.
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE_SECONDS: Final = 0.5

# Share of the connections above which the oldest request that is not whole makes room for a new one.
_CROWDED: Final = 0.75

_LEAVE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

# A worker that stops waits so long for the first byte on connections that it has taken: their requests are on the way,
# and a peer that is cut off before its answer cannot know whether it was heard.
_LINGER_SECONDS: Final = 2.0


class PatientWorker(LoadingWorker):
    """Collect requests before threads see them."""

    patience = Patience()
    # Of requests, whether they still come, wait for a thread or are read. Who comes on top is refused.
    most_held_bytes = 512 * 1024 * 1024
    # The application takes none longer; the configuration says how long that is.
    longest_body_bytes: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[TConn, Arrival] = {}
        self._streams: set[TConn] = set()
        self._waiting: deque[tuple[TConn, Arrival]] = deque()
        self._looked_at = 0.0
        self._accepts_from = 0.0
        self.held_bytes = 0
        self._departures = Departures(lambda: self.poller, self._departed)
        # Three quarters of the threads stay free for what is there already.
        self._most_streams = max(1, self.cfg.threads // 4)

    @property
    def streaming(self) -> int:
        """Bodies that threads read while they come."""
        return len(self._streams)

    @property
    def waiting(self) -> int:
        """Bodies that wait for a place among those."""
        return len(self._waiting)

    def accept(self, listener: Any) -> None:
        """Take a connection; where no file is left for it, take none for a while. Gunicorn would end this process."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self._accepts_from = time.monotonic() + _PAUSE_SECONDS
            self.set_accept_enabled(enabled=False)
            self.log.warning("No connection can be taken now: %s.", error.strerror)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Listen or not; gunicorn asks each time round, and hears no while files are short."""
        super().set_accept_enabled(enabled and time.monotonic() >= self._accepts_from)

    def enqueue_req(self, conn: TConn) -> None:
        """Take a connection whose next request begins; every way to a thread leads through here."""
        if self._arriving and self.nr_conns > self.worker_connections * _CROWDED:
            # Whoever has been at it for longest makes room: so many at one time are no ordinary senders.
            self._give_up(*next(iter(self._arriving.items())))
        arrival = Arrival(self.patience, began=time.monotonic(), longest_body_bytes=self.longest_body_bytes)
        begun = self._begun(conn)
        if begun:
            self._feed(arrival, begun)
        conn.sock.setblocking(False)
        self._arriving[conn] = arrival
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_bytes, conn, arrival))
        # What a quick sender sent is there by now, and most requests are one piece.
        self._on_bytes(conn, arrival, conn.sock)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request."""
        if req.body is not None:
            req.body.reader = SoundBody(req.body.reader, conn.parser.unreader)
            if conn.parser.unreader.refusal is not None:
                # Where its next request would begin is never read.
                req.force_close()
            # For whoever tells the sender's time from the server's (see web.body_timer).
            req.body.collected_seconds = conn.parser.unreader.collected_seconds
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request whose head cannot be read as a problem, which programs expect."""
        refused = refused_head(exc)
        if refused is None:
            super().handle_error(req, client, addr, exc)
            return
        with suppress(OSError):
            client.sendall(self._answer_of(refused))

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Go on with the connection, and with a long body that waited for this one."""
        if conn.parser is not None and isinstance(conn.parser.unreader, Received):
            conn.parser.unreader.close()
            self._release(conn.parser.unreader.arrival)
        self._streams.discard(conn)
        while self._waiting and len(self._streams) < self._most_streams:
            self._stream(*self._waiting.popleft())
        if getattr(conn, "rest", b"") and fs.exception() is None and fs.result() is True:
            self.enqueue_req(conn)
            return
        if not fs.cancelled() and fs.exception() is None and not fs.result():
            self._departures.begin(conn)
            return
        super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """End what takes too long; called after every event, which is more often than is needed."""
        super().murder_pending()
        now = time.monotonic()
        self._departures.end_overdue(now)
        if self.alive and now < self._looked_at + 1.0:
            return
        self._looked_at = now
        for conn, arrival in list(self._arriving.items()):
            silent = not arrival.received and now >= arrival.began + _LINGER_SECONDS
            if (silent and not self.alive) or arrival.overdue(now):
                self._give_up(conn, arrival)
        while self._waiting and now > self._waiting[0][1].began + self.patience.grace_seconds:
            conn, arrival = self._waiting.popleft()
            self._hand_over(conn, arrival, refusal=UnavailableError(_NO_PLACE))

    def _on_bytes(self, conn: TConn, arrival: Arrival, _sock: Any) -> None:
        if not self._receive(conn, arrival):
            self._drop(conn, arrival)
        elif arrival.held_bytes > _SHORT_BYTES and self.held_bytes > self.most_held_bytes:
            self._refuse_body(conn, arrival)
        elif arrival.stage in {Stage.WHOLE, Stage.BROKEN}:
            self._hand_over(conn, arrival)
        elif arrival.stage is Stage.STREAMED:
            self._stream(conn, arrival)
        elif arrival.stage is Stage.ENDLESS:
            self._refuse(conn, arrival, ENDLESS)
        elif arrival.stage is Stage.TOO_LONG:
            self._refuse(conn, arrival, TOO_LONG)
        elif arrival.expects_leave:
            arrival.expects_leave = False
            with suppress(OSError):
                conn.sock.send(_LEAVE)

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
            self._feed(arrival, piece)
        return True

    def _stream(self, conn: TConn, arrival: Arrival) -> None:
        if len(self._streams) >= self._most_streams:
            self._leave_loop(conn)
            self._waiting.append((conn, arrival))
            return
        self._streams.add(conn)
        arrival.begin_anew(time.monotonic())
        self._hand_over(conn, arrival)

    def _give_up(self, conn: TConn, arrival: Arrival) -> None:
        """Tell a sender that was too slow; one that has not even said what it wants is cut off."""
        if arrival.stage is Stage.HEAD:
            self._drop(conn, arrival)
        else:
            self._hand_over(conn, arrival, gave_up=True)

    def _refuse_body(self, conn: TConn, arrival: Arrival) -> None:
        """Answer a request that there is no room for, by its head."""
        with self._counting(arrival):
            arrival.drop_body()
        self._hand_over(conn, arrival, refusal=UnavailableError(_FULL))

    def _feed(self, arrival: Arrival, piece: bytes) -> None:
        with self._counting(arrival):
            arrival.feed(piece, time.monotonic())

    def _release(self, arrival: Arrival) -> None:
        with self._counting(arrival):
            arrival.close()
            arrival.held_bytes = 0

    @contextmanager
    def _counting(self, arrival: Arrival) -> Iterator[None]:
        before = arrival.held_bytes
        yield
        self.held_bytes += arrival.held_bytes - before

    def _hand_over(
        self, conn: TConn, arrival: Arrival, *, gave_up: bool = False, refusal: UnavailableError | None = None
    ) -> None:
        self._leave_loop(conn)
        if conn.parser is None:
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
        # A full disk may break it only here.
        with self._counting(arrival):
            conn.parser.unreader = Received(conn.sock, arrival, gave_up=gave_up, refusal=refusal)
        conn.rest = arrival.rest
        conn.data_ready = True
        super().enqueue_req(conn)

    def _refuse(self, conn: TConn, arrival: Arrival, refused: RefusedHead) -> None:
        """Answer by the head alone; whoever is sending still reads the answer before the connection ends."""
        self._leave_loop(conn)
        self._release(arrival)
        with suppress(OSError):
            conn.sock.send(self._answer_of(refused))
        self._departures.begin(conn)

    def _answer_of(self, refused: RefusedHead) -> bytes:
        """Log a refusal, without the request: its line may hold a job's address, its headers a key."""
        request_id = secrets.token_hex(8)
        self.log.warning("Request %s is refused by its head: %s.", request_id, refused.code)
        return refused.answer(request_id)

    def _drop(self, conn: TConn, arrival: Arrival) -> None:
        self._leave_loop(conn)
        self._release(arrival)
        self.nr_conns -= 1
        conn.close()

    def _departed(self) -> None:
        self.nr_conns -= 1

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
