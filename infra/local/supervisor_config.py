"""The configuration text of supervisord for a list of parts: a pure function of what shall run."""

import hashlib
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import ConfigurationError
from infra.local.part import Part

# The kernel's limit for the path of a Unix socket is 108 bytes; macOS has 104, and the server adds ".<pid>" at first.
_LONGEST_SOCKET_PATH = 90

# A part that cannot start is tried again for hours (the pause grows by a second each time), since its cause, such as
# a Redis that is away, may pass.
_START_RETRIES = 120

_LOG_BYTES = 10 * 1024 * 1024
_LOG_BACKUPS = 3


def socket_path(data_dir: Path) -> Path:
    """Choose where the supervisor's control socket lies: in the data folder, or elsewhere if that path is too long."""
    beside_the_data = data_dir / "run" / "supervisor.sock"
    if len(str(beside_the_data)) <= _LONGEST_SOCKET_PATH:
        return beside_the_data
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"dentiq-{digest}.sock"


def supervisor_configuration(
    parts: Sequence[Part], *, data_dir: Path, working_folder: Path, redis_port: int | None
) -> str:
    """Write the configuration file of supervisord.

    Args:
        parts: What runs, in any order.
        data_dir: Absolute; logs go to `log/`, records to `run/`.
        working_folder: Where the parts run, so that relative paths in settings mean what they mean to the launcher.
        redis_port: Port of the local Redis for which parts wait; None where Redis runs elsewhere.

    Raises:
        ConfigurationError: A path holds characters that supervisor's format cannot carry.
    """
    _refuse_unquotable(data_dir, working_folder)
    control = socket_path(data_dir)
    sections = [_daemon(data_dir, control)]
    sections += [
        _program(part, data_dir=data_dir, working_folder=working_folder, redis_port=redis_port) for part in parts
    ]
    return "\n\n".join(sections) + "\n"


def _refuse_unquotable(*folders: Path) -> None:
    for folder in folders:
        if any(mark in str(folder) for mark in (" ;", " #", "\n", '"', "%")):
            raise ConfigurationError(
                f'The folder {str(folder)!r} has " ;", " #", "%", a quotation mark or a line break in its path, '
                "which the supervisor of the local stack cannot carry. Choose another one in DENTIQ_DATA_DIR."
            )


def _daemon(data_dir: Path, control: Path) -> str:
    return "\n".join(
        [
            "[supervisord]",
            "nodaemon=true",
            "silent=true",
            f"logfile={data_dir / 'log' / 'supervisord.log'}",
            f"logfile_maxbytes={_LOG_BYTES}",
            f"logfile_backups={_LOG_BACKUPS}",
            f"pidfile={data_dir / 'run' / 'supervisord.pid'}",
            f"childlogdir={data_dir / 'log'}",
            "",
            "[unix_http_server]",
            f"file={control}",
            "chmod=0600",
            "",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
            "",
            "[supervisorctl]",
            f"serverurl=unix://{control}",
        ]
    )


def _program(part: Part, *, data_dir: Path, working_folder: Path, redis_port: int | None) -> str:
    record = data_dir / "run" / "parts" / f"{part.name}.json"
    redis = str(redis_port) if part.needs_redis and redis_port is not None else "-"
    command = [sys.executable, "-m", "infra.local.child", str(record), redis, *part.command]
    return "\n".join(
        [
            f"[program:{part.name}]",
            f"command={_escape(shlex.join(command))}",
            f"directory={working_folder}",
            f"environment={_variables(part.environment)}",
            f"priority={part.stop_rank}",
            "autostart=true",
            "autorestart=true",
            "startsecs=2",
            f"startretries={_START_RETRIES}",
            "stopsignal=TERM",
            f"stopwaitsecs={part.stop_seconds}",
            # SIGTERM goes to the part alone, which drains its own processes; SIGKILL goes to all of them.
            "stopasgroup=false",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={data_dir / 'log' / f'{part.name}.log'}",
            f"stdout_logfile_maxbytes={_LOG_BYTES}",
            f"stdout_logfile_backups={_LOG_BACKUPS}",
        ]
    )


def _variables(environment: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in environment.items())


def _escape(value: str) -> str:
    # supervisor expands %(name)s in every value.
    return value.replace("%", "%%")
