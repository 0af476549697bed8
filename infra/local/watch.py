"""What the person at the terminal is told while the stack runs."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.local.control import PartState
from infra.local.readiness import describe_part
from infra.local.stack import FLOWER_USER, Stack, flower_password_file

# After this many starts in a row the log says more than another line about a start, and after that nothing new.
_STARTS_TO_TELL = 3
_STABLE_SECONDS = 30

# Below this a log line or a record of Redis may not fit any more.
_LEAST_FREE_BYTES = 1024 * 1024


class Announcer:
    """Tell when a part died and runs again, and show the log of one that cannot stay up."""

    def __init__(self, say: Callable[[str], None], *, log_dir: Path) -> None:
        self._say = say
        self._log_dir = log_dir
        self._last_pids: dict[str, int] = {}
        self._starts: Counter[str] = Counter()

    def update(self, states: Mapping[str, PartState]) -> None:
        """Compare the states with the ones before and tell what changed."""
        for name, state in states.items():
            if state.state in {"BACKOFF", "FATAL"}:
                self._tell_that_it_cannot_start(state)
            elif state.up and state.pid:
                self._compare(name, state)

    def _compare(self, name: str, state: PartState) -> None:
        before = self._last_pids.get(name)
        self._last_pids[name] = state.pid
        if before in {None, state.pid}:
            if state.uptime_seconds >= _STABLE_SECONDS:
                self._starts[name] = 0
            return
        self._starts[name] += 1
        if self._starts[name] < _STARTS_TO_TELL:
            self._say(f"{name} (process {before}) ended and was started again (process {state.pid}).")
        elif self._starts[name] == _STARTS_TO_TELL:
            self._tell_that_it_cannot_start(state)

    def _tell_that_it_cannot_start(self, state: PartState) -> None:
        if self._starts[state.name] > _STARTS_TO_TELL:
            return
        self._starts[state.name] = _STARTS_TO_TELL + 1
        self._say(describe_part(state.name, state, log_dir=self._log_dir))
        self._say(f"  {state.name} is started again and again until it stays up.")


def describe_addresses(stack: Stack, *, seconds: float) -> str:
    """List where everything is, for a stack that is ready."""
    settings = stack.settings
    exporter = (
        f"http://127.0.0.1:{settings.exporter_port}/metrics"
        if stack.has("exporter")
        else "not installed (`make setup` installs it with Python 3.11 or 3.12)"
    )
    prometheus = (
        f"http://127.0.0.1:{settings.prometheus_port}/"
        if stack.has("prometheus")
        else "not started (where `prometheus` is on PATH and its port is free, it is)"
    )
    rows = {
        "page": f"{stack.base_url}/",
        "API": f"{stack.base_url}/api/docs",
        "Flower": f"http://127.0.0.1:{settings.flower_port}/",
        "Flower's login": f"{FLOWER_USER}, password in {flower_password_file(stack.data_dir)}",
        "Prometheus": prometheus,
        "celery-exporter": exporter,
        "data": str(stack.data_dir),
        "logs": str(stack.log_dir / "*.log"),
    }
    lines = [f"  {name:16} {address}" for name, address in rows.items()]
    return "\n".join([f"dentiq is ready after {seconds:.1f} s.", *lines, "Ctrl-C or `make stop` stops it."])


def describe_death(stack: Stack) -> str:
    """Say that the supervisor is gone, and whether a full disk is why: it cannot live without its logs."""
    free = shutil.disk_usage(stack.data_dir).free
    if free < _LEAST_FREE_BYTES:
        return (
            f"The supervisor died, for the disk of {stack.data_dir} is full ({free} bytes free); stopping the rest. "
            "Make room and start again: accepted jobs are kept."
        )
    return f"The supervisor died; stopping the rest. Its last words are in {stack.log_dir / 'supervisord.out'}."
