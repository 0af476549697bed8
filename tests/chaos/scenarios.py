"""One question each, asked many times: how soon jobs are taken over, whether a restart of Redis or a renewal hurts."""

import itertools
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httpx

from infra.local.reload import reload_parts
from tests.chaos.checker import judge
from tests.chaos.history import rest
from tests.chaos.ledger import Ledger, Sending
from tests.chaos.pictures import picture
from tests.chaos.raw_store import read_counts, still_working, take_snapshot
from tests.chaos.sender import Sender
from tests.chaos.stack import MAX_ATTEMPTS, ChaosStack, kill
from tests.waiting import wait_until

Say = Callable[[str], None]

_SENDERS = 3
# A restarted worker of a crowded machine needs its time; what takes longer is a failure.
_ENDED_SECONDS = 180
# Work for seconds: every process has a chunk in hand when it is hit.
_IMAGES = 60
SLOW_SECONDS_PER_IMAGE = 0.1


@dataclass
class Findings:
    """What a scenario found.

    Attributes:
        times: How often the fault was met.
        figures: What was measured.
        complaints: What went wrong; nothing if all is well.
    """

    times: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


def worker_takeover(stack: ChaosStack, *, times: int, say: Say) -> Findings:
    """Kill the only worker, its pool with it, while it has jobs in hand; measure until each of them runs again."""
    return _takeover(stack, lambda: [stack.pid("worker"), *stack.children("worker")], times=times, say=say)


def process_takeover(stack: ChaosStack, *, times: int, say: Say) -> Findings:
    """Kill a pool process beside one that lives on: what the loss of one worker of several costs its jobs."""
    return _takeover(stack, lambda: stack.children("worker")[:1], times=times, say=say)


def _takeover(stack: ChaosStack, victims: Callable[[], list[int]], *, times: int, say: Say) -> Findings:
    found = Findings()
    waits: list[float] = []
    with httpx.Client(base_url=f"{stack.url}/api/v1", timeout=60) as http:
        for number in range(times):
            _submit_batch(http, number)
            wait_until(
                lambda: len(_in_hand(stack)) > 1 and still_working(stack.jobs).get("bulk"), 60, what="busy processes"
            )
            struck = time.monotonic()
            kill(victims())
            # Read afterwards: what the dead held stays as it was.
            this = _await_takeover(stack, _in_hand(stack), struck)
            waits += this
            found.times += 1
            say(f"kill {found.times}: {len(this)} jobs taken over, the last after {max(this, default=0):.2f} s")
            _await_all_ended(stack)
            stack.await_up("worker")
    waits.sort()
    found.figures = {"jobs": len(waits)}
    if waits:
        found.figures |= {"p50": median(waits), "p99": _quantile(waits, 0.99), "worst": waits[-1]}
    return found


def _submit_batch(http: httpx.Client, number: int) -> None:
    batch = http.post("/batches", json={"name": f"takeover {number}"}).json()["id"]
    images = [("images", (f"{number}-{i}.png", picture(f"{number}-{i}"), "image/png")) for i in range(_IMAGES)]
    http.post(f"/batches/{batch}/images", files=images).raise_for_status()


def _in_hand(stack: ChaosStack) -> dict[str, int]:
    ids: Any = stack.jobs.zrange("dentiq:running", 0, -1)
    return {job_id: int(str(stack.jobs.hget(f"dentiq:job:{job_id}", "attempts") or 0)) for job_id in ids}


def _await_takeover(stack: ChaosStack, in_hand: dict[str, int], struck: float) -> list[float]:
    """Note for each job when a later attempt at it began; one that had just ended was not in hand any more."""
    waits: list[float] = []
    left = dict(in_hand)

    def look() -> bool:
        for job_id, attempt in tuple(left.items()):
            status, attempts = stack.jobs.hmget(f"dentiq:job:{job_id}", "status", "attempts")
            if int(attempts or 0) > attempt:
                waits.append(time.monotonic() - struck)
                del left[job_id]
            elif status not in {"running", "queued"}:
                del left[job_id]
        return not left

    wait_until(look, _ENDED_SECONDS, what="the next attempt at every job that was in hand")
    return waits


def _await_all_ended(stack: ChaosStack) -> None:
    def ended() -> bool:
        counts = read_counts(stack.jobs)
        return counts["submitted"] == sum(counts.get(name, 0) for name in ("succeeded", "failed", "cancelled"))

    wait_until(ended, _ENDED_SECONDS, what="the end of every job")


def redis_restarts(stack: ChaosStack, *, times: int, say: Say) -> Findings:
    """Restart Redis under load, by kill -9 and by SIGTERM in turn; green is when a job goes through afterwards."""
    found = Findings()
    waits = []
    with _load(stack, found, "redis") as ledger:
        for number, ways in zip(range(times), itertools.cycle((_kill_redis, _stop_redis))):
            ways(stack)
            struck = time.monotonic()
            _await_a_result(stack, ledger, f"after-{number}.png")
            waits.append(time.monotonic() - struck)
            found.times += 1
            say(f"restart {found.times}: a job submitted afterwards has its result after {waits[-1]:.2f} s")
    found.figures = {"p50": median(waits), "worst": max(waits)}
    return found


def _kill_redis(stack: ChaosStack) -> None:
    stack.await_up("redis")
    kill([stack.pid("redis")])


def _stop_redis(stack: ChaosStack) -> None:
    stack.await_up("redis")
    kill([stack.pid("redis")], signal.SIGTERM)


def _await_a_result(stack: ChaosStack, ledger: Ledger, name: str) -> None:
    """Submit as a careful client does, under a key until there is an answer, and wait for the result."""
    sending = Sending([name], key=f"careful {name}")
    ledger.images[name] = picture(name)
    ledger.sendings.append(sending)
    image = {"image": (name, ledger.images[name], "image/png")}

    def done() -> bool:
        try:
            key = {"Idempotency-Key": f"careful {name}"}
            answer = httpx.post(f"{stack.url}/api/v1/jobs", files=image, headers=key, timeout=15)
        except httpx.TransportError:
            answer = None
        if answer is None or answer.status_code != 202:
            sending.unknown += 1
            return False
        told = {name: answer.json()["id"]}
        sending.told += [told] if told not in sending.told else []
        return bool(answer.json()["status"] == "succeeded")

    wait_until(done, _ENDED_SECONDS, what=f"the result of {name}")


def rolling(stack: ChaosStack, *, times: int, say: Say) -> Findings:
    """Renew worker, beat and web under load, again and again; nobody may be refused, no job may fail."""
    found = Findings()
    with _load(stack, found, "rolling") as ledger:
        for _ in range(times):
            started = time.monotonic()
            if not reload_parts(stack.folder, say=lambda _: None):
                found.complaints.append("a part was not renewed")
            stack.await_up("worker")
            found.times += 1
            say(f"renewal {found.times}: {time.monotonic() - started:.1f} s, {ledger.requests} requests so far")
    found.figures = {
        "requests": ledger.requests,
        "without an answer": ledger.unanswered,
        "answered 503": ledger.put_off,
        "jobs failed": read_counts(stack.jobs).get("failed", 0),
    }
    found.complaints += [f"{name}: {count:g}" for name, count in found.figures.items() if name != "requests" and count]
    return found


@contextmanager
def _load(stack: ChaosStack, found: Findings, seed: str) -> Iterator[Ledger]:
    """Have senders at work inside the block; then let all come to rest, and judge."""
    ledger = Ledger()
    earlier = read_counts(stack.jobs)
    senders = [Sender(stack.url, ledger, number=number, seed=seed, poison_share=0) for number in range(_SENDERS)]
    for sender in senders:
        sender.start()
    try:
        yield ledger
    finally:
        for sender in senders:
            sender.stop()
        for sender in senders:
            sender.join()
    found.complaints += rest(stack)
    stored = take_snapshot(stack.jobs, stack.room.files())
    found.complaints += judge(ledger, stored, earlier=earlier, max_attempts=MAX_ATTEMPTS)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
