"""`dentiq batch` on ten thousand images takes the memory that it takes for a thousand."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.fake_batch_server import FakeBatchServer

DENTIQ = Path(sys.executable).parent / "dentiq"

# Held as a whole, the images of the large folder would be 295 MB more than those of the small one. What remains are the
# names, the rows that wait for their jobs and a page of those, 2 kB an image: some 18 MB, twice that where the
# allocator of a busy machine keeps what it was given back.
IMAGE_BYTES = 32 * 1024
SMALL, LARGE = 1_000, 10_000
MOST_GROWTH_BYTES = 75_000_000


@pytest.fixture
def server() -> Iterator[str]:
    """A server in memory that takes whatever comes, behind a real socket."""
    batches = FakeBatchServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            url = f"http://dentiq.test{self.path}"
            answer = batches(httpx.Request(self.command, url, headers=dict(self.headers), content=body))
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{listener.server_port}"
    listener.shutdown()
    thread.join()
    listener.server_close()


def folder_of(root: Path, images: int) -> Path:
    root.mkdir()
    for number in range(images):
        with (root / f"{number}.jpg").open("wb") as file:
            file.write(b"\xff\xd8\xff" + number.to_bytes(4, "big"))
            # A hole in the file: it is sent as any other byte, and costs the disk nothing.
            file.truncate(IMAGE_BYTES)
    return root


def peak_bytes(server: str, folder: Path) -> int:
    """Run the command to its end, and give the most memory that it had."""
    out = folder.with_suffix(".csv")
    process = subprocess.Popen(
        [DENTIQ, "batch", folder, "--out", out, "--json"],
        env={**os.environ, "DENTIQ_URL": server},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # wait4 gives the peak that the kernel kept, of this process alone.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert out.read_bytes().count(b"\n") == 1 + len(list(folder.iterdir()))
    kibibytes = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * kibibytes


# A busy machine takes minutes to send eleven thousand images.
@pytest.mark.timeout(600)
def test_a_large_folder_takes_the_memory_of_a_small_one(server: str, tmp_path: Path) -> None:
    small = peak_bytes(server, folder_of(tmp_path / "small", SMALL))
    large = peak_bytes(server, folder_of(tmp_path / "large", LARGE))
    assert large - small < MOST_GROWTH_BYTES, f"{small / 1e6:.0f} MB, then {large / 1e6:.0f} MB"
