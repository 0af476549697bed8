"""Taken ports, told before anything starts: which port, for which part, and how to choose another."""

import errno
import socket
import time
from collections.abc import Sequence
from typing import Final

from common.errors import ConfigurationError
from infra.local.part import Listener, Part

_REDIS_HINT = " To use the Redis that is already there, set DENTIQ_REDIS_URL."

_PAUSE_SECONDS: Final = 0.05


def check_ports(parts: Sequence[Part]) -> None:
    """Make sure that every part can listen where it shall.

    Raises:
        ConfigurationError: A port is taken, wanted twice or not allowed. The message names all of them.
    """
    complaints: list[str] = []
    wanted: dict[int, str] = {}
    for part in parts:
        if part.listener is None:
            continue
        complaint = _complaint(part.name, part.listener, wanted_by=wanted.get(part.listener.port))
        complaints += [complaint] if complaint else []
        wanted.setdefault(part.listener.port, part.name)
    if complaints:
        raise ConfigurationError("\n".join(complaints))


def wait_for_ports(parts: Sequence[Part], *, seconds: float) -> None:
    """Wait until no port of the parts is taken, or the time is over.

    A killed process gives its memory back before its sockets: for some tenths of a second nobody can tell any more
    whose it is, and it still holds its port.
    """
    end = time.monotonic() + seconds
    while any(part.listener and _refusal(part.listener) == errno.EADDRINUSE for part in parts):
        if time.monotonic() >= end:
            return
        time.sleep(_PAUSE_SECONDS)


def taken_observers(parts: Sequence[Part]) -> list[Part]:
    """List the optional parts whose port another program has: often the same program, as a service of the machine."""
    return [part for part in parts if part.optional and part.listener is not None and _refusal(part.listener)]


def _complaint(name: str, listener: Listener, *, wanted_by: str | None) -> str:
    choose = f"Choose another: {listener.variable}={_suggestion(listener.port)} make run."
    if wanted_by is not None:
        return f"Port {listener.port} is wanted by two parts, {wanted_by} and {name}. {choose}"
    refusal = _refusal(listener)
    if refusal is None:
        return ""
    if refusal == errno.EADDRINUSE:
        hint = _REDIS_HINT if name == "redis" else ""
        return f"Port {listener.port} for {name} is taken by another program. {choose}{hint}"
    return f"Port {listener.port} for {name} on {listener.host} cannot be used: {errno.errorcode[refusal]}. {choose}"


def _refusal(listener: Listener) -> int | None:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the servers do: a port whose last connections are just being closed is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
            probe.listen(1)
        except socket.gaierror:
            return errno.EADDRNOTAVAIL
        except OSError as error:
            return error.errno or errno.EINVAL
    return None


def _suggestion(port: int) -> int:
    return port + 1 if 1024 <= port < 65535 else 8080
