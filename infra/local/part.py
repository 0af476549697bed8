"""One part of the local stack: what the supervisor needs to know of a process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# Observers never take a core from the parts that they observe, nor from their start.
OBSERVER: Final = ("nice", "-n", "10")


@dataclass(frozen=True)
class Listener:
    """Where a part listens, and the variable that moves it."""

    host: str
    port: int
    variable: str

    @property
    def reachable(self) -> str:
        """Its host as a program on this machine writes it in an address."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104  compared
        return f"[{host}]" if ":" in host else host


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
