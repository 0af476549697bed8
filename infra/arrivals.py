"""One HTTP request on its way in: what has come of it, whether it is whole, and how long the rest may take."""

import io
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import IO, Final

# Gunicorn's own limits would let a head grow to 800 kB; browsers and programs send 1 to 8 kB.
MAX_HEAD_BYTES: Final = 64 * 1024

# Larger bodies (folders, archives) are read by a thread while they come; at most a few at one time.
MAX_HELD_BYTES: Final = 24 * 1024 * 1024

# A photograph as phones send it to a batch stays in memory, others go to a file in the temporary folder.
_MEMORY_BYTES: Final = 1024 * 1024

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([0-9]{1,1000})[ \t]*(?=\r\n)", re.IGNORECASE)
_FRAMING: Final = re.compile(rb"\r\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)
_EXPECTS: Final = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)


class Stage(Enum):
    """How far a request has come."""

    HEAD = auto()
    BODY = auto()
    # All of it is here.
    WHOLE = auto()
    # Its body is too long to hold, or of a length that it does not tell.
    STREAMED = auto()
    # Its head has no end.
    ENDLESS = auto()
    # Its body is longer than any that is taken.
    TOO_LONG = auto()
    # There is no room for its body.
    BROKEN = auto()


@dataclass(frozen=True)
class Patience:
    """How long a sender may take.

    Attributes:
        head_seconds: For the head as a whole.
        silence_seconds: Between two pieces.
        grace_seconds: For the body, beside the time that its bytes take at the slowest rate.
        slowest_rate: Bytes a second of a body: a weak mobile network has more.
    """

    head_seconds: float = 20.0
    silence_seconds: float = 30.0
    grace_seconds: float = 30.0
    slowest_rate: float = 4096.0


@dataclass
class Arrival:
    """Collect the bytes of one request.

    Attributes:
        patience: How long it may take.
        began: Instant of its first byte or, before that, of the connection; monotonic, in s.
        longest_body_bytes: Most bytes that its body may have; None: any number.
        stage: How far it has come.
        expects_leave: Whether the sender waits to be told to go on, once.
        rest: Bytes after its end: the beginning of the next request.
        fault: Why it is broken, if it is.
        held_bytes: What it takes of memory and disk until it is dropped.
    """

    patience: Patience
    began: float
    longest_body_bytes: int | None = None
    stage: Stage = Stage.HEAD
    expects_leave: bool = False
    rest: bytes = b""
    fault: OSError | None = None
    held_bytes: int = 0
    received: int = 0
    _latest: float = 0.0
    _missing: int = 0
    _head: bytearray = field(default_factory=bytearray)
    _held: "tempfile.SpooledTemporaryFile[bytes] | None" = None

    def feed(self, piece: bytes, now: float) -> None:
        """Take what has come; where the disk refuses it, the request is broken and no error leaves here."""
        if not self.received:
            self.began = now
        self.received += len(piece)
        self._latest = now
        if self.stage in {Stage.HEAD, Stage.BODY}:
            self.held_bytes += len(piece)
        try:
            if self.stage is Stage.HEAD:
                self._feed_head(piece)
            elif self.stage is Stage.BODY:
                self._feed_body(piece)
        except OSError as error:
            self._break(error)

    @property
    def collected_seconds(self) -> float:
        """Time from its first byte to its latest one so far."""
        return self._latest - self.began if self.received else 0.0

    def overdue(self, now: float) -> bool:
        """Whether the sender took too long."""
        patience = self.patience
        if not self.received:
            return now > self.began + patience.silence_seconds
        if now > self._latest + patience.silence_seconds:
            return True
        if self.stage is Stage.HEAD:
            return now > self.began + patience.head_seconds
        return now > self.began + patience.grace_seconds + self.received / patience.slowest_rate

    def open(self) -> IO[bytes]:
        """Give the bytes to read, from the first one; of a broken request the head alone."""
        if self._held is not None:
            try:
                # Writes what waits in a buffer.
                self._held.seek(0)
            except OSError as error:
                self._break(error)
        return io.BytesIO(self._head) if self._held is None else self._held

    def begin_anew(self, now: float) -> None:
        """Let its time begin now: until here it was the server that made it wait."""
        self.began = self._latest = now

    def drop_body(self) -> None:
        """Keep nothing but its head."""
        self.close()
        self._held = None
        self.rest = b""
        self.held_bytes = len(self._head)

    def close(self) -> None:
        """Drop the bytes."""
        if self._held is not None:
            # What waits in a buffer is written first, and a full disk refuses that too.
            with suppress(OSError):
                self._held.close()

    def _break(self, fault: OSError) -> None:
        self.drop_body()
        self.expects_leave = False
        self.fault = fault
        self.stage = Stage.BROKEN

    def _feed_head(self, piece: bytes) -> None:
        # The end may lie across two pieces.
        searched = max(0, len(self._head) - len(_END_OF_HEAD))
        self._head += piece
        end = self._head.find(_END_OF_HEAD, searched)
        if end < 0:
            if len(self._head) > MAX_HEAD_BYTES:
                self.stage = Stage.ENDLESS
            return
        self._judge(bytes(self._head[: end + len(_END_OF_HEAD)]), end + len(_END_OF_HEAD))

    def _judge(self, head: bytes, length: int) -> None:
        """Decide by the head how the body comes; what is wrong with it is gunicorn's to say."""
        declared = _LENGTH.findall(head)
        framing = _FRAMING.findall(head)
        if length > MAX_HEAD_BYTES:
            self.stage = Stage.ENDLESS
            return
        if len(framing) != len(declared) or len(declared) > 1:
            self.stage = Stage.STREAMED
            return
        if declared and int(declared[0]) > MAX_HELD_BYTES:
            self.stage = Stage.STREAMED if self._is_taken(int(declared[0])) else Stage.TOO_LONG
            return
        body = bytes(self._head[length:])
        # All that is left if the body finds no room.
        self._head = bytearray(head)
        self._missing = int(declared[0]) if declared else 0
        self.stage = Stage.BODY
        self.expects_leave = self._missing > len(body) and _EXPECTS.search(head) is not None
        self._held = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115  closed by `close`
        self._held.write(head)
        self._feed_body(body)

    def _is_taken(self, body_bytes: int) -> bool:
        return self.longest_body_bytes is None or body_bytes <= self.longest_body_bytes

    def _feed_body(self, piece: bytes) -> None:
        assert self._held is not None  # noqa: S101  made where the stage began
        self._held.write(piece[: self._missing])
        self.rest += piece[self._missing :]
        self._missing = max(0, self._missing - len(piece))
        if not self._missing:
            self.stage = Stage.WHOLE
