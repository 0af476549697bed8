"""Configuration of gunicorn, the same on one machine and in a container: `gunicorn -c python:infra.gunicorn_conf`."""

import os
import sys
from pathlib import Path
from typing import Any

from common.errors import ConfigurationError
from infra.client_sockets import allow_files, connections_with_files, limit_silence
from infra.environment import settings_from
from infra.exposure import refuse_open_web
from infra.spokesman import Spokesman
from infra.web_processes import forget, forget_one, has_no_successor, note_ready

# Above what the routes allow for beside the images (see web.batch_requests): they say better what is too much.
_FRAMING_BYTES = 1024 * 1024

try:
    _settings = settings_from(os.environ)
    refuse_open_web(_settings)
except ConfigurationError as error:
    sys.exit(f"dentiq web: {error.message}")


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


wsgi_app = "web.wsgi:app"
bind = [_address(_settings.web_bind, _settings.port)]
if _settings.web_metrics_port:
    bind.append(_address(_settings.web_metrics_bind, _settings.web_metrics_port))
# Which proxies are believed is decided in one place, web.access.client_address.
forwarded_allow_ips = ""
# Threads, because a long poll waits; processes, because checking an image computes. A thread sees a request once it is
# there.
worker_class = "infra.patient_worker.PatientWorker"
# Of one process. Each may take a second file, for a large body: see allow_files.
worker_connections = connections_with_files(400)
workers = _settings.web_processes
threads = _settings.web_threads
# An idle connection of a polling page stays open, above the longest pause between two polls.
keepalive = 15
# Requests under way when the server stops may finish. A long poll that is cut off is asked again by its client.
graceful_timeout = 5
loglevel = _settings.log_level.lower()
errorlog = "-"
proc_name = "dentiq-web"
# Its control socket lies in the home folder, where two servers would share one.
control_socket_disable = True
# The heartbeat file must not block on a slow disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  memory, no predictable file name

# The Prometheus client decides at its import whether counters are shared between processes: the variable must stand
# before the first import of it, which is why the import below is inside a function.
_metrics_folder = Path(
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(_settings.data_dir.absolute() / "metrics" / "web"))
)


_spokesman = Spokesman()


def when_ready(server: Any) -> None:
    """Bound the time that a silent client holds a thread."""
    limit_silence(listener.sock for listener in server.LISTENERS)


def on_starting(server: Any) -> None:
    """Allow enough files, and forget the metrics of an earlier run: their processes are gone."""
    del server
    from common.shared_metrics import forget_earlier_life  # noqa: PLC0415  see above

    allow_files()
    try:
        forget(_settings.data_dir)
        forget_earlier_life(_metrics_folder)
    except OSError as error:
        sys.exit(
            f"dentiq web: The data folder {_settings.data_dir} cannot be used ({error.strerror}). Make room there, or "
            "name another folder by DENTIQ_DATA_DIR."
        )


def post_fork(server: Any, worker: Any) -> None:
    """Tell a process how long a body may be, so that it refuses longer ones by their heads, and who else may answer."""
    del server
    worker.spokesman = _spokesman
    worker.data_dir = _settings.data_dir
    worker.longest_body_bytes = max(_settings.max_archive_bytes, _settings.max_upload_bytes) + _FRAMING_BYTES


def post_worker_init(worker: Any) -> None:
    """Tell who renews the processes one by one that this one answers now."""
    note_ready(_settings.data_dir, worker.pid)


def worker_exit(server: Any, worker: Any) -> None:
    """Answer no more."""
    del server
    forget_one(_settings.data_dir, worker.pid)


def child_exit(server: Any, worker: Any) -> None:
    """Note that it answers no more, however it ended, and want one process less where it was one too many."""
    forget_one(_settings.data_dir, worker.pid)
    if has_no_successor(_settings.data_dir, worker.pid):
        server.num_workers = max(1, server.num_workers - 1)
