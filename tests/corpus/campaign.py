"""The corpus against the real platform: each file ends as a 4xx or a job with a result or a reason, and nobody dies."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.corpus.cases import Case
from tests.fixtures.stack import LocalStack

# Of one request to a batch.
_PORTION = 50

# One in so many is also sent alone, as a page or a program does with a single photograph.
_ALONE = 10

_PATIENCE_SECONDS = 300.0

# What a job may fail by: the image was at fault, and said so.
IMAGE_FAULTS = frozenset({"image_truncated", "image_corrupt", "image_too_complex"})

# A 50-megapixel picture with transparency takes 0.6 GB while it is decoded; a process itself 0.1 to 0.3 GB.
MOST_MEMORY_BYTES = 1_400_000_000


@dataclass
class Findings:
    """What came of a campaign.

    Attributes:
        ended: How the files ended: a code of a refusal, or a job's status with its code.
        faults: What must not be: sentences that name the file.
        slowest: Seconds and name of the slowest decoding; told and not judged, for other work on the machine counts in
            it. The worker itself bounds the processor time.
        memory: Most bytes that a process of each part has had.
    """

    files: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    previews: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    memory: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class Campaign:
    """Send a corpus to a stack and look at everything that comes of it."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._http = httpx.Client(base_url=stack.base_url, timeout=120)
        self._findings = Findings()

    def run(self, corpus: Iterable[Case]) -> Findings:
        """Send all of it, wait for every job, ask for every preview, and look whether the same processes still live."""
        found = self._findings
        began, before = time.monotonic(), self._processes()
        jobs: dict[str, Case] = {}
        for portion in _portions(corpus):
            found.files += len(portion)
            jobs |= self._send_together(portion)
            for case in portion[::_ALONE]:
                jobs |= self._send_alone(case)
        for job_id, case in jobs.items():
            self._follow(job_id, case)
        if self._processes() != before:
            found.faults.append(f"processes died: {before} became {self._processes()}")
        self._look_at_logs()
        self._measure_memory()
        found.seconds = time.monotonic() - began
        self._http.close()
        return found

    def _send_together(self, portion: Sequence[Case]) -> dict[str, Case]:
        batch = self._http.post("/api/v1/batches", json={}).json()["id"]
        files = [("images", (f"{number}-{case.filename}", case.data)) for number, case in enumerate(portion)]
        answer = self._http.post(f"/api/v1/batches/{batch}/images", files=files)
        if answer.status_code != 202:
            self._findings.faults.append(f"{portion[0].name} and those after it: {answer.status_code} {answer.text}")
            return {}
        sent = {f"{number}-{case.filename}": case for number, case in enumerate(portion)}
        for image in answer.json()["rejected"]:
            self._note_refusal(image["code"], sent[image["filename"]])
        return {image["id"]: sent[image["filename"]] for image in answer.json()["accepted"]}

    def _send_alone(self, case: Case) -> dict[str, Case]:
        answer = self._http.post("/api/v1/jobs", files={"image": (case.filename, case.data)})
        if answer.status_code == 202:
            return {answer.json()["id"]: case}
        if not 400 <= answer.status_code < 500:
            self._findings.faults.append(f"{case.name}: {answer.status_code} {answer.text}")
        self._note_refusal(answer.json()["code"], case)
        return {}

    def _note_refusal(self, code: str, case: Case) -> None:
        self._findings.ended[code] += 1
        if not code.startswith("image_"):
            self._findings.faults.append(f"{case.name}: refused by {code}")

    def _follow(self, job_id: str, case: Case) -> None:
        found = self._findings
        job = self._end_of(job_id)
        code = (job["error"] or {}).get("code", "")
        found.ended[f"{job['status']} {code}".strip()] += 1
        if job["status"] != "succeeded" and not (job["status"] == "failed" and code in IMAGE_FAULTS):
            found.faults.append(f"{case.name}: {job['status']} {code}")
        if job["attempts"] > 1:
            found.faults.append(f"{case.name}: took {job['attempts']} attempts")
        found.slowest = max(found.slowest, (job["timings"]["decode_seconds"] or 0.0, case.name))
        preview = self._http.get(f"/api/v1/jobs/{job_id}/preview")
        found.previews[str(preview.status_code)] += 1
        if preview.status_code not in {200, 422}:
            found.faults.append(f"{case.name}: its preview answers {preview.status_code}")

    def _end_of(self, job_id: str) -> dict[str, Any]:
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            job: dict[str, Any] = self._http.get(f"/api/v1/jobs/{job_id}?wait=20").json()
            if job["status"] in {"succeeded", "failed", "cancelled"} or time.monotonic() > end:
                return job

    def _processes(self) -> dict[str, list[int]]:
        return {
            part: sorted(child.pid for child in psutil.Process(self._stack.part_pid(part)).children(recursive=True))
            for part in ("web", "worker")
        }

    def _measure_memory(self) -> None:
        for part, pids in self._processes().items():
            most = max(_peak_bytes(pid) for pid in pids)
            self._findings.memory[part] = most
            if most > MOST_MEMORY_BYTES:
                self._findings.faults.append(f"a process of {part} has had {most / 1e6:.0f} MB")

    def _look_at_logs(self) -> None:
        for path in sorted((self._stack.data_dir / "log").glob("*.log")):
            text = path.read_text(encoding="utf-8", errors="replace")
            for event in ("request_crashed", "chunk_failed", "WorkerLostError", "WORKER TIMEOUT"):
                if event in text:
                    self._findings.faults.append(f"{path.name} tells of {event}")


def _portions(corpus: Iterable[Case]) -> Iterator[list[Case]]:
    stream = iter(corpus)
    while portion := list(islice(stream, _PORTION)):
        yield portion


def _peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found[1]) * 1024 if found else 0
