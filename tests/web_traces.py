"""What requests leave behind: files in the storage, keys in Redis, and what the server's processes still have open."""

import contextlib
from pathlib import Path

import psutil
import redis

from tests.web_server import WebServer


def stored_files(web: WebServer) -> set[str]:
    """Name all files in the storage, half-written ones too."""
    return {str(path) for path in (web.settings.data_dir / "storage").rglob("*") if path.is_file()}


def redis_keys(web: WebServer) -> set[str]:
    """Name everything that the job store holds."""
    with redis.Redis.from_url(web.settings.effective_job_store_url, decode_responses=True) as client:
        return set(client.scan_iter())


def of_senders(web: WebServer) -> list[str]:
    """Name the connections and the files of senders that the server's processes have open, nameless ones too.

    Files are found where the server of a test has its TMPDIR: in `spool`, beside its data.
    """
    assert web.process is not None
    spool = str(web.settings.data_dir.parent / "spool")
    found = []
    master = psutil.Process(web.process.pid)
    for process in [master, *master.children()]:
        links = process.net_connections("tcp")
        of_web = [link for link in links if link.laddr.port == web.settings.port and link.status != psutil.CONN_LISTEN]
        found += [f"{link.raddr} {link.status}" for link in of_web]
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                target = str(descriptor.readlink())
                found += [target] if target.startswith(spool) else []
    return found
