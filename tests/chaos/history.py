"""One history: senders and faults for a while, then rest, then judgement."""

import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.checker import judge, judge_emptiness
from tests.chaos.faults import Fault, draw_plans, lift_all
from tests.chaos.ledger import Ledger
from tests.chaos.raw_store import (
    await_true,
    bring_erasures_forward,
    erasures_left,
    let_retention_pass,
    read_counts,
    still_working,
    take_snapshot,
)
from tests.chaos.sender import Sender
from tests.chaos.stack import MAX_ATTEMPTS, PARTS, REDIS_SECONDS, ChaosStack

_SENDERS = 3

# Between the faults of a lane: time in which work gets done, and is hit.
_PAUSES_SECONDS = (0.2, 1.5)

# A request whose sender has gone is still worked on for at most this long: web waits twice for Redis at worst.
_LAST_REQUEST_SECONDS = 2 * REDIS_SECONDS + 1
_REST_SECONDS = 300
_SWEEP_SECONDS = 60


@dataclass
class Verdict:
    """What came of one history."""

    seed: str
    cycles: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    requests: int = 0
    unanswered: int = 0
    accepted: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    unlucky: int = 0
    seconds: float = 0.0
    rest_seconds: float = 0.0
    commit: str = ""

    @property
    def count(self) -> int:
        """Fault cycles."""
        return sum(self.cycles.values())


def run_history(stack: ChaosStack, seed: str, *, cycles: int, artefacts: Path) -> Verdict:
    """Run one history on a platform that stands and is empty.

    Args:
        seed: Decides faults, pauses and what senders do. How processes interleave it cannot decide.
        cycles: Faults, one after the other.
        artefacts: Where the evidence of a broken promise is left.
    """
    started = time.monotonic()
    verdict = Verdict(seed)
    earlier = read_counts(stack.jobs)
    ledger = Ledger()
    senders = [Sender(stack.url, ledger, number=number, seed=seed) for number in range(_SENDERS)]
    for sender in senders:
        sender.start()
    try:
        verdict.cycles = dict(_hurt(stack, seed, cycles=cycles))
    finally:
        for sender in senders:
            sender.stop()
        for sender in senders:
            sender.join()
    _judge_at_rest(stack, ledger, verdict, earlier, artefacts)
    verdict.requests, verdict.unanswered = ledger.requests, ledger.unanswered + ledger.put_off
    verdict.seconds = round(time.monotonic() - started, 1)
    return verdict


def _hurt(stack: ChaosStack, seed: str, *, cycles: int) -> Counter[str]:
    plans = draw_plans(random.Random(f"{seed} faults"), cycles=cycles)
    with ThreadPoolExecutor(len(plans)) as lanes:
        done = [
            lanes.submit(_hurt_in_lane, stack, plan, random.Random(f"{seed} lane {number}"))
            for number, plan in enumerate(plans)
        ]
        return sum((lane.result() for lane in done), Counter())


def _hurt_in_lane(stack: ChaosStack, plan: list[Fault], chance: random.Random) -> Counter[str]:
    done: Counter[str] = Counter()
    for fault in plan:
        stack.await_up(fault.target)
        time.sleep(chance.uniform(*_PAUSES_SECONDS))
        fault.hit(stack, chance)
        done[fault.name] += 1
    return done


def rest(stack: ChaosStack) -> list[str]:
    """Lift every fault, and wait until nothing moves and every file whose erasure was announced is gone.

    Returns:
        What did not come to rest.
    """
    lift_all(stack)
    lifted = time.monotonic()
    for part in PARTS:
        stack.await_up(part)
    await_true(lambda: time.monotonic() > lifted + _LAST_REQUEST_SECONDS, seconds=_REST_SECONDS)
    await_true(lambda: not still_working(stack.jobs), seconds=_REST_SECONDS)
    bring_erasures_forward(stack.jobs)
    if await_true(lambda: erasures_left(stack.jobs) == 0, seconds=_SWEEP_SECONDS):
        return []
    return [f"{erasures_left(stack.jobs)} announced files are not erased"]


def _judge_at_rest(
    stack: ChaosStack, ledger: Ledger, verdict: Verdict, earlier: dict[str, int], artefacts: Path
) -> None:
    started = time.monotonic()
    verdict.complaints += rest(stack)
    verdict.rest_seconds = round(time.monotonic() - started, 1)
    stored = take_snapshot(stack.jobs, stack.room.files())
    verdict.complaints += judge(ledger, stored, earlier=earlier, max_attempts=MAX_ATTEMPTS)
    verdict.accepted = stored.counts.get("submitted", 0) - earlier.get("submitted", 0)
    verdict.statuses = dict(Counter(job.status for job in stored.jobs.values()))
    failed = [job for job in stored.jobs.values() if job.status == "failed"]
    verdict.unlucky = sum(job.name not in ledger.poison for job in failed)
    if verdict.complaints:
        _leave_evidence(stack, ledger, verdict, artefacts, {job.id: job.fields for job in stored.jobs.values()})
    let_retention_pass(stack.jobs)
    swept = await_true(lambda: not list(stack.jobs.scan_iter("dentiq:job:*", count=1000)), seconds=_SWEEP_SECONDS)
    swept = swept and await_true(lambda: erasures_left(stack.jobs) == 0, seconds=_SWEEP_SECONDS)
    left = judge_emptiness(take_snapshot(stack.jobs, stack.room.files()), before=stored.counts)
    verdict.complaints += left if swept else [*left, "the sweeper did not erase what is past retention"]


def _leave_evidence(
    stack: ChaosStack, ledger: Ledger, verdict: Verdict, folder: Path, jobs: dict[str, dict[str, str]]
) -> None:
    place = folder / f"failed-{verdict.seed}"
    place.mkdir(parents=True, exist_ok=True)
    content = {"verdict": asdict(verdict), "ledger": ledger.to_json(), "jobs": jobs}
    (place / "evidence.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    for part in PARTS:
        (place / f"{part}.log").write_text(stack.log_tail(part, lines=3000), encoding="utf-8")
