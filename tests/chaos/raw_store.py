"""What is stored, read raw: Redis keys and files as they lie there, decoded by this module alone.

It shares nothing with the product: a mistake in its reading of its own records cannot hide itself here.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

_P = "dentiq:"
# Written for as long as the platform lives: totals, labels of versions, the register of workers.
_STANDING = (f"{_P}counts", f"{_P}labels", f"{_P}workers")
# Files that are to be erased, or may have to be: those of uploads and of erased jobs, those of previews and heat maps.
_ANNOUNCED = (f"{_P}erasures", f"{_P}derived")


@dataclass
class RawJob:
    """A record as Redis has it."""

    id: str
    fields: dict[str, str]

    @property
    def status(self) -> str:
        return self.fields["status"]

    @property
    def name(self) -> str:
        """Its file name, by which its sender knows it; a record without one is nobody's."""
        return self.fields.get("filename", "")

    @property
    def steps(self) -> tuple[int, ...]:
        return tuple(int(step) for step in self.fields["probabilities"].split(","))


@dataclass
class Snapshot:
    """All that is stored at a moment in which nothing moves."""

    jobs: dict[str, RawJob] = field(default_factory=dict)
    batches: dict[str, dict[str, str]] = field(default_factory=dict)
    batch_jobs: dict[str, list[str]] = field(default_factory=dict)
    batch_ranks: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    working: dict[str, int] = field(default_factory=dict)
    mortal_without_end: list[str] = field(default_factory=list)
    unknown_keys: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def read_counts(client: Any) -> dict[str, int]:
    """Read the totals."""
    return {name: int(count) for name, count in client.hgetall(f"{_P}counts").items()}


def still_working(client: Any) -> dict[str, int]:
    """Count what is not at rest: jobs that wait, run, or are to run again, batches that are being closed."""
    pipe = client.pipeline()
    for key in ("queue:interactive", "queue:bulk", "running", "delayed"):
        pipe.zcard(_P + key)
    pipe.hlen(f"{_P}closing")
    waiting = dict(zip(("interactive", "bulk", "running", "delayed", "closing"), pipe.execute(), strict=True))
    return {name: count for name, count in waiting.items() if count}


def take_snapshot(client: Any, files: Iterable[Path]) -> Snapshot:
    """Read everything."""
    taken = Snapshot(counts=read_counts(client), working=still_working(client))
    taken.files = [path.name for path in files]
    for key in client.scan_iter("*", count=1000):
        kind, _, rest = key.removeprefix(_P).partition(":")
        if kind == "job":
            taken.jobs[rest] = RawJob(rest, client.hgetall(key))
        elif kind == "batch":
            taken.batches[rest] = client.hgetall(key)
            _note_end(client, key, taken)
        elif kind == "batchjobs":
            taken.batch_jobs[rest] = client.lrange(key, 0, -1)
            _note_end(client, key, taken)
        elif kind == "batchrank":
            batch, _, group = rest.partition(":")
            taken.batch_ranks.setdefault(batch, {})[group] = client.zrange(key, 0, -1)
            _note_end(client, key, taken)
        elif kind in {"idempotency", "claim", "worker", "rates", "session", "idle", "wanted"}:
            _note_end(client, key, taken)
        elif key not in _STANDING and kind not in {"hour", "hours", "erasures", "derived", "keyuses"}:
            taken.unknown_keys.append(key)
    return taken


def _note_end(client: Any, key: str, taken: Snapshot) -> None:
    # -1: it lives for ever; -2: it ended meanwhile.
    if client.ttl(key) == -1:
        taken.mortal_without_end.append(key)


def bring_erasures_forward(client: Any) -> None:
    """Make every announced file due now, as the hour after an announcement would."""
    for key in _ANNOUNCED:
        for job_id in client.zrange(key, 0, -1):
            client.zadd(key, {job_id: 1}, xx=True)


def erasures_left(client: Any) -> int:
    """Count announced files."""
    return sum(int(client.zcard(key)) for key in _ANNOUNCED)


def let_retention_pass(client: Any) -> None:
    """Move every record into the past, and let what ends by itself end."""
    for hour in client.zrange(f"{_P}hours", 0, -1):
        past = str(int(hour) - 24 * 365)
        with client.pipeline() as pipe:
            pipe.rename(f"{_P}hour:{hour}", f"{_P}hour:{past}")
            pipe.zrem(f"{_P}hours", hour)
            pipe.zadd(f"{_P}hours", {past: past})
            try:
                pipe.execute()
            except redis.ResponseError:  # the hour's list ended with a sweep of just now
                continue
    for kind in ("batch", "batchjobs", "batchrank", "idempotency", "claim"):
        for key in client.scan_iter(f"{_P}{kind}:*", count=1000):
            if client.ttl(key) > 0:
                client.delete(key)


def await_true(condition: Any, *, seconds: float) -> bool:
    """Wait for a condition; whether it came true, whereas Redis away counts as not yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except redis.RedisError:
            pass
        time.sleep(0.1)
    return False
