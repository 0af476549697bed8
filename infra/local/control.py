"""What the supervisor knows about its parts and does with them, asked over its control socket."""

import http.client

# What it parses comes from our own supervisor, over a socket that its user alone may open.
import xmlrpc.client  # nosec B411
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport


@dataclass(frozen=True)
class PartState:
    """State of one part at one moment.

    Attributes:
        name: Name of the part.
        state: The supervisor's word for it, such as RUNNING or BACKOFF.
        pid: Its process, or 0.
        uptime_seconds: Time since its last start.
        description: What the supervisor says about it.
    """

    name: str
    state: str
    pid: int
    uptime_seconds: int
    description: str

    @property
    def up(self) -> bool:
        """Whether its process runs."""
        return self.state in {"STARTING", "RUNNING"}


class SupervisorControl:
    """Ask a supervisord on a Unix socket."""

    def __init__(self, socket_file: Path) -> None:
        self._url = f"unix://{socket_file}"

    def restart(self, name: str) -> bool:
        """Stop a part in good order and start it again; return whether it runs."""
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", SupervisorTransport(None, None, self._url))
        try:
            if self.states()[name].up:
                server.supervisor.stopProcess(name)
            return bool(server.supervisor.startProcess(name))
        except (KeyError, OSError, xmlrpc.client.Error, http.client.HTTPException):
            return False

    def states(self) -> dict[str, PartState]:
        """Return the state of each part; nothing while the supervisor does not answer."""
        # The transport keeps a connection that once failed and never mends it: each question gets a new one.
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", SupervisorTransport(None, None, self._url))
        try:
            answer = cast("list[Mapping[str, Any]]", server.supervisor.getAllProcessInfo())
        except (OSError, xmlrpc.client.Error, http.client.HTTPException):
            return {}
        return {
            str(info["name"]): PartState(
                name=str(info["name"]),
                state=str(info["statename"]),
                pid=int(info["pid"]),
                uptime_seconds=int(info["now"]) - int(info["start"]),
                description=str(info["spawnerr"] or info["description"]),
            )
            for info in answer
        }
