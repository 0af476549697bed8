"""One part of the local stack: what the supervisor needs to know of a process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# Observers never take a core from the parts that they observe, nor from their start.
OBSERVER: Final = ("nice", "-n", "10")


# Under which address a program on this machine reaches a server that listens on every one.
_REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  compared, not bound


@dataclass(frozen=True)
class Listener:
    """Where a part listens, and the variable that moves it."""

    host: str
    port: int
    variable: str

    @property
    def reachable(self) -> tuple[str, int]:
        """Host and port to connect to from this machine."""
        return _REACHABLE.get(self.host, self.host), self.port

    @property
    def address(self) -> str:
        """The same as a URL writes it: `127.0.0.1:5000`, `[::1]:5000`."""
        host, port = self.reachable
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True)
class Part:
    """One process that the supervisor keeps alive.

    Attributes:
        name: Name in messages, of the log file and of the supervisor's program.
        command: Program and arguments; never a secret.
        stop_rank: Parts with a higher rank are stopped earlier.
        stop_seconds: Time to finish after SIGTERM, before SIGKILL.
        environment: Variables beside the inherited ones; never a secret.
        listener: Where it listens, if it does.
        needs_redis: Whether it waits for the local Redis before it starts.
        optional: Whether the stack runs without it when its port is taken.
    """

    name: str
    command: tuple[str, ...]
    stop_rank: int
    stop_seconds: int
    environment: Mapping[str, str] = field(default_factory=dict)
    listener: Listener | None = None
    needs_redis: bool = True
    optional: bool = False
