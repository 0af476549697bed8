"""Hosts for tests: network namespaces with addresses of their own on one switch, that links can be cut of."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

_PREFIX = "dentiq-test"
_SWITCH = "switch"
# RFC 2544 keeps 198.18.0.0/15 for tests of networks: no real network is hidden. The third number is by our process.
_NETWORK = "198.18"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


def _in(namespace: str, *words: str) -> None:
    _ip("-n", namespace, *words)


@dataclass
class Host:
    """One host: its namespace, its address, and the processes that run on it."""

    name: str
    namespace: str
    switch: str
    address: str
    folder: Path
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def run(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Start a program on it, in a process group of its own; its output goes to the host's log."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *command],
                cwd=cwd,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def log(self) -> str:
        """What its programs wrote."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def cut(self) -> None:
        """Cut it off: its cable is pulled at the switch."""
        _in(self.switch, "link", "set", self.name, "down")

    def join(self) -> None:
        """Plug the cable in again."""
        _in(self.switch, "link", "set", self.name, "up")

    def kill(self) -> None:
        """End everything on it at once, as a power cut does."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Network:
    """Hosts on one switch, and the test's own machine beside them; leave it by `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = f"{_PREFIX}-{os.getpid()}"
        self._third = os.getpid() % 250 + 1
        self._switch = f"{self._mark}-{_SWITCH}"
        self.hosts: dict[str, Host] = {}
        _ip("netns", "add", self._switch)
        _in(self._switch, "link", "add", "bridge", "type", "bridge")
        _in(self._switch, "link", "set", "bridge", "up")
        # A name of a link has at most 15 characters.
        ours = f"dq{os.getpid()}"
        _ip("link", "add", ours, "type", "veth", "peer", "name", "tester", "netns", self._switch)
        _ip("addr", "add", f"{self._address(254)}/24", "dev", ours)
        _ip("link", "set", ours, "up")
        self._plug("tester")

    def add(self, name: str) -> Host:
        """Make a host."""
        namespace, address = f"{self._mark}-{name}", self._address(len(self.hosts) + 1)
        folder = self._folder / name
        folder.mkdir(parents=True)
        self.hosts[name] = host = Host(name, namespace, self._switch, address, folder)
        _ip("netns", "add", namespace)
        _ip("link", "add", name, "netns", self._switch, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _in(namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            _in(namespace, "link", "set", link, "up")
        self._plug(name)
        return host

    def close(self) -> None:
        """End every program and take everything away, whatever had been made."""
        for host in self.hosts.values():
            host.kill()
        for namespace in _namespaces(self._mark):
            _remove(namespace)

    def _plug(self, link: str) -> None:
        _in(self._switch, "link", "set", link, "master", "bridge")
        _in(self._switch, "link", "set", link, "up")

    def _address(self, number: int) -> str:
        return f"{_NETWORK}.{self._third}.{number}"


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Make a network; skip the test where this process may not."""
    if shutil.which("ip") is None:
        pytest.skip("there is no `ip` (iproute2) to make network namespaces with")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    _forget_earlier_runs()
    try:
        made = Network(folder)
    except subprocess.CalledProcessError as error:
        for namespace in _namespaces(f"{_PREFIX}-{os.getpid()}"):
            _remove(namespace)
        pytest.skip(f"network namespaces are not allowed here: {error.stderr.decode(errors='replace').strip()}")
    try:
        yield made
    finally:
        made.close()


def _forget_earlier_runs() -> None:
    """Take away what a run that was killed left behind."""
    for namespace in _namespaces(_PREFIX):
        owner = namespace.removeprefix(f"{_PREFIX}-").partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            _remove(namespace)


def _namespaces(prefix: str) -> list[str]:
    folder = Path("/run/netns")
    return sorted(path.name for path in folder.glob(f"{prefix}-*")) if folder.is_dir() else []


def _remove(namespace: str) -> None:
    """Kill what still runs in a namespace, then delete it; its links go with it."""
    listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False, timeout=10)
    for pid in listed.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False, timeout=10)
