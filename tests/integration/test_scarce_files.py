"""A web server that may open no more files: it waits for some, without ending, without spinning, and goes on."""

import resource
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from infra.client_sockets import connections_with_files
from tests.waiting import wait_until
from tests.web_server import WebServer, web_settings

_TOLD = "No connection can be taken now"


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process can be set on Linux alone")
def test_without_files_it_waits_and_goes_on_when_there_are_some(redis_url: str, tmp_path: Path) -> None:
    settings = web_settings(redis_url=redis_url, folder=tmp_path)
    server = WebServer(settings.model_copy(update={"web_processes": 1}))
    server.start()
    try:
        assert server.process is not None
        (worker,) = psutil.Process(server.process.pid).children()
        _allow(worker.pid, more=4)
        began, used = time.monotonic(), _processor_seconds(worker)
        with ExitStack() as opened:
            for _ in range(20):
                opened.enter_context(socket.create_connection(("127.0.0.1", settings.port), timeout=20))
            wait_until(lambda: _told(settings.data_dir) >= 3, 30, what="three looks for a file")
            # A loop that spins tells thousands of times, and takes a core.
            lasted = time.monotonic() - began
            assert _told(settings.data_dir) <= 3 + 2 * lasted
            assert _processor_seconds(worker) - used < 0.25 + 0.5 * lasted
        wait_until(server.answers, 30, what="an answer once there are files")
        assert worker.is_running()
        assert [child.pid for child in psutil.Process(server.process.pid).children()] == [worker.pid]
    finally:
        server.stop()


def test_a_process_holds_no_more_connections_than_it_has_files_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for hard, fits in ((resource.RLIM_INFINITY, 400), (4096, 400), (528, 200), (64, 1)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, hard=hard: (hard, hard))
        assert connections_with_files(400) == fits


def _allow(pid: int, *, more: int) -> None:
    highest = max(int(file.name) for file in Path(f"/proc/{pid}/fd").iterdir())
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1 + more, hard))


def _told(data_dir: Path) -> int:
    return (data_dir / "web.log").read_text(encoding="utf-8", errors="replace").count(_TOLD)


def _processor_seconds(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])
