"""The batches of a server in memory, behind a transport of httpx: honest about idempotency."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import unquote

import httpx

from client import Dentiq

LABELS = ("caries", "healthy")


class Crash(BaseException):
    """The end of the client at a point of the test's choosing."""


def _no_pause(seconds: float) -> None:
    """Wait for nothing."""


class FakeBatchServer:
    """Takes an image that begins as a JPEG, fails one with `bad` in it, rejects one with `broken` in it.

    Attributes:
        broken: What an image has in it that is rejected.
        crash_before: Number of the request that never reaches the server.
        crash_after: Number of the request whose answer never reaches the client.
        finishes: Whether jobs end by themselves.
    """

    def __init__(self) -> None:
        self.batches: dict[str, str] = {}
        self.jobs: list[dict[str, Any]] = []
        self.sent: list[int] = []
        self.keys: dict[str, tuple[Any, Any]] = {}
        self.requests = 0
        self.broken = b"broken"
        self.crash_before: int | None = None
        self.crash_after: int | None = None
        self.refusals: dict[str, tuple[int, str]] = {}
        self.most_images = 64
        self.finishes = True
        self.jobs_read = 0
        self.next_id = 1
        self.on_request: Callable[[httpx.Request], None] = lambda _: None
        self._lock = Lock()

    def client(self, server: str = "http://dentiq.test") -> Dentiq:
        return Dentiq(server, transport=httpx.MockTransport(self), sleep=_no_pause)

    @property
    def names(self) -> list[str]:
        return [job["filename"] for job in self.jobs]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.on_request(request)
        with self._lock:
            self.requests += 1
            if self.requests == self.crash_before:
                raise Crash
            answer = self._answer(request)
            if self.requests == self.crash_after:
                raise Crash
            return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.removeprefix("/api/v1/").split("/")
        kind = parts[2] if len(parts) > 2 else ""
        if parts == ["models"]:
            return httpx.Response(200, json={"models": [{"version": "m1", "current": True, "labels": LABELS}]})
        if kind in self.refusals:
            return _problem(*self.refusals[kind])
        if len(parts) == 1:
            return self._make(request)
        return self._answer_of_batch(request, parts, kind)

    def _answer_of_batch(self, request: httpx.Request, parts: list[str], kind: str) -> httpx.Response:
        if parts[1] not in self.batches:
            return _problem(404, "batch_not_found")
        if kind == "images":
            return self._add(request)
        if kind == "jobs":
            return self._page(int(request.url.params["cursor"]), int(request.url.params["limit"]))
        return httpx.Response(200, json=self._batch(parts[1]))

    def _make(self, request: httpx.Request) -> httpx.Response:
        name = json.loads(request.content)["name"]

        def make() -> str:
            batch_id = f"b{len(self.batches) + 1}"
            self.batches[batch_id] = name
            return batch_id

        batch_id = self._once(request, name, make)
        return httpx.Response(201, json=self._batch(batch_id)) if batch_id else _problem(422, "idempotency_conflict")

    def _add(self, request: httpx.Request) -> httpx.Response:
        files = _files(request)
        if len(files) > self.most_images:
            return _problem(413, "too_many_parts")
        self.sent.append(len(files))
        good = [(name, data) for name, data in files if self.broken not in data]
        # The digests are enough to know a body by: a folder is not held here either.
        body = [(name, sha256(data).digest(), self.broken in data) for name, data in files]
        ids = self._once(request, body, lambda: [self._job(name, data) for name, data in good])
        if ids is None:
            return _problem(422, "idempotency_conflict")
        broken = [
            {"filename": name, "code": "image_truncated", "message": "It ends too soon."}
            for name, data in files
            if self.broken in data
        ]
        accepted = [{"id": job_id, "filename": name} for job_id, (name, _) in zip(ids, good, strict=True)]
        return httpx.Response(202, json={"accepted": accepted, "rejected": broken})

    def _once(self, request: httpx.Request, body: object, make: Callable[[], Any]) -> Any:
        key = request.headers["Idempotency-Key"]
        if key not in self.keys:
            self.keys[key] = (body, make())
        return self.keys[key][1] if self.keys[key][0] == body else None

    def _job(self, name: str, data: bytes) -> str:
        job_id = f"j{self.next_id}"
        self.next_id += 1
        job: dict[str, Any] = {"id": job_id, "filename": name, "status": "queued"}
        self.jobs.append(job)
        if self.finishes:
            self.finish(job, failed=b"bad" in data)
        return job_id

    def finish(self, job: dict[str, Any], *, failed: bool = False) -> None:
        if failed:
            job |= {"status": "failed", "error": {"code": "image_corrupt", "message": "It is broken."}}
            return
        predictions = [{"label": label, "probability": p} for label, p in zip(LABELS, (0.9, 0.1), strict=True)]
        job |= {"status": "succeeded", "outcome": "answered", "model_version": "m1", "predictions": predictions}

    def _page(self, cursor: int, limit: int) -> httpx.Response:
        jobs = self.jobs[cursor : cursor + limit]
        self.jobs_read += len(jobs)
        following = cursor + limit if len(jobs) == limit else None
        return httpx.Response(200, json={"jobs": jobs, "next_cursor": following})

    def _batch(self, batch_id: str) -> dict[str, Any]:
        counts = dict.fromkeys(("queued", "running", "succeeded", "failed", "cancelled"), 0)
        for job in self.jobs:
            counts[job["status"]] += 1
        name = self.batches[batch_id]
        return {"id": batch_id, "name": name, "state": "open", "total": len(self.jobs), "counts": counts}


def _problem(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"title": code, "status": status, "detail": f"Refused: {code}.", "code": code})


def _files(request: httpx.Request) -> list[tuple[str, bytes]]:
    """Read a form as httpx writes it; a parser of mail takes minutes for the bytes of a large folder."""
    boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
    _, *parts, _ = request.content.split(b"--" + boundary)
    found = []
    for part in parts:
        head, _, data = part.removesuffix(b"\r\n").partition(b"\r\n\r\n")
        (name,) = re.findall(rb'filename="([^"]*)"', head)
        found.append((unquote(name.decode()), data))
    return found
