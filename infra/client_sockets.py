"""How long the web server waits for a silent client: an option of its sockets, for gunicorn's threads have none."""

import socket
import struct
from collections.abc import Iterable
from typing import Final

# A phone that changes its network is silent for some seconds. Without an end, as many stalled senders as there are
# threads stop the server, headers, bodies and answers that nobody reads alike.
SILENCE_SECONDS: Final = 30.0


def limit_silence(listeners: Iterable[socket.socket], *, seconds: float = SILENCE_SECONDS) -> None:
    """Let every read and write on a connection of these listeners fail after a silence.

    Accepted connections inherit the options (Linux and BSD do so). The time counts between two pieces: a slow sender
    may go on. Connections that gunicorn keeps for the next request are not blocked, and not affected.
    """
    whole = int(seconds)
    limit = struct.pack("@ll", whole, round((seconds - whole) * 1e6))
    for listener in listeners:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.setsockopt(socket.SOL_SOCKET, option, limit)
