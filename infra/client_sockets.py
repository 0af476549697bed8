"""What the web server's sockets may take: how long a silent client is waited for, and how many files are open."""

import resource
import socket
import struct
from collections.abc import Iterable
from typing import Final

# A phone that changes its network is silent for some seconds. Requests are collected before threads see them (see
# infra.patient_worker); without an end, as many who do not read their answers as there are threads stop the server.
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


# Connections, files of large bodies, connections to Redis. The usual 1,024 end a process that would open one more.
_FILES: Final = 4096

# Beside those of connections: logs, listeners, Redis, images and previews under way.
_OWN_FILES: Final = 128


def allow_files() -> None:
    """Let this process and its children open enough files, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _within(hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_with_files(wanted: int) -> int:
    """Tell how many connections a process may hold, of two files each: `wanted`, or what the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(wanted, (_within(hard) - _OWN_FILES) // 2))


def _within(hard: int) -> int:
    return _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
