"""Sends a folder as sixteen clients do that each send one image after the other; the same sender for us and the peers.

    python -m tests.bench.send_singles URL FIELD FOLDER [await]

A peer answers with the result. dentiq answers `202`: with `await` each client then asks once, by a long poll, and sends
its next image when it has the result; without, it goes on at once.
"""

import http.client
import json
import resource
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click

CLIENTS = 16
_BOUNDARY = "dentiq-bench"


class Sender:
    """One client with a connection of its own."""

    def __init__(self, url: str, field: str, *, awaits: bool) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._field = field
        self._awaits = awaits
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def send(self, image: bytes) -> None:
        """Send one image; ends the process when it is not taken."""
        body = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{self._field}"; filename="a.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        body += image + f"\r\n--{_BOUNDARY}--\r\n".encode()
        answer = self._ask("POST", self._path, body)
        if self._awaits:
            job = json.loads(answer)
            while job["status"] not in {"succeeded", "failed"}:
                job = json.loads(self._ask("GET", f"{job['links']['self']}?wait=20"))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"} if body else {}
        try:
            self._connection.request(method, path, body=body, headers=headers)
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # A server without keep-alive closes after each answer.
            self._connection.close()
            self._connection.request(method, path, body=body, headers=headers)
            answer = self._connection.getresponse()
        content = answer.read()
        if answer.status not in {200, 202}:
            sys.exit(f"{method} {path} was answered by {answer.status}: {content[:300]!r}")
        return content


def main(url: str, field: str, folder: str, awaits: str = "") -> None:
    """Send every image of the folder once."""
    images = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    left: Iterator[bytes] = iter(images)
    lock = threading.Lock()
    done: list[int] = []

    def work() -> None:
        sender = Sender(url, field, awaits=bool(awaits))
        count = 0
        while True:
            with lock:
                image = next(left, None)
            if image is None:
                break
            sender.send(image)
            count += 1
        with lock:
            done.append(count)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    began = time.time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.time() - began
    if sum(done) != len(images):
        sys.exit(f"Only {sum(done)} of {len(images)} images were answered.")
    used = resource.getrusage(resource.RUSAGE_SELF)
    answer = {
        "images": len(images),
        "seconds": seconds,
        "began": began,
        "client_cpu_seconds": used.ru_utime + used.ru_stime,
    }
    click.echo(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
