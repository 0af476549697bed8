"""A collected request as gunicorn's parser and the application read it, or the error why they cannot."""

import errno
import time
from typing import IO, Any, Final

from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import SocketUnreader

from common.errors import StorageFullError, UnavailableError
from infra.arrivals import Arrival, Stage

# Given to gunicorn at one time. It asks for all that is left of a body, and copies what it then
# holds three times for each 64 kB that the application reads.
_PIECE_BYTES: Final = 64 * 1024


class Received(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    """Give gunicorn's parser what has arrived, then what still comes, as long as it comes fast enough."""

    def __init__(self, sock: Any, arrival: Arrival, *, gave_up: bool, refusal: UnavailableError | None) -> None:
        super().__init__(sock)
        self.arrival = arrival
        self._gave_up = gave_up
        self._refusal = refusal
        self._held: IO[bytes] | None = arrival.open()

    @property
    def refusal(self) -> UnavailableError | None:
        """Why the server does not take the body, where that is not its sender's doing."""
        return _no_room(self.arrival.fault) if self.arrival.fault is not None else self._refusal

    @property
    def collected_seconds(self) -> float:
        """How long it took to arrive, as far as it has."""
        return self.arrival.collected_seconds

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Give the next bytes: of what has arrived a piece, at most as many as hinted at.

        Raises:
            TimeoutError: The sender was too slow, or there is a refusal.
        """
        if self._held is not None:
            piece = self._held.read(min(size_hint or self.mxchunk, _PIECE_BYTES))
            if piece:
                return piece
            self.close()
        if self.refusal is not None:
            raise TimeoutError("the request is refused")
        if self._gave_up or (self.arrival.stage is Stage.STREAMED and self.arrival.overdue(time.monotonic())):
            raise TimeoutError("the request came too slowly")
        piece = bytes(super().chunk(min(size_hint or self.mxchunk, _PIECE_BYTES)))
        self.arrival.feed(piece, time.monotonic())
        return piece

    def close(self) -> None:
        """Drop what has arrived; what is read from now on is the socket's."""
        self._held = None
        self.arrival.close()


def _no_room(fault: OSError) -> UnavailableError:
    if fault.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        error: UnavailableError = StorageFullError("The server has no room to take this request; send it again later.")
    else:
        error = UnavailableError("The server cannot take this request now; send it again later.")
    # For the log.
    error.__cause__ = fault
    return error


class SoundBody:
    """Read a body: chunks that are none are, for the application, a sender who broke off, and a refusal is an error.

    The unreader cannot raise the refusal itself: gunicorn reads on after an answer, and expects errors of sockets.
    """

    def __init__(self, reader: Any, unreader: Received) -> None:
        self._reader = reader
        self._unreader = unreader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, size: int) -> bytes:
        """Read at most so many bytes.

        Raises:
            OSError: The sender broke off or sent no chunks.
            UnavailableError: The server does not take the body.
        """
        try:
            return bytes(self._reader.read(size))
        except TimeoutError:
            if self._unreader.refusal is not None:
                raise self._unreader.refusal from self._unreader.refusal.__cause__
            raise
        except ParseException as error:
            raise OSError(f"the request's body cannot be read: {error}") from error
