"""A campaign: histories with seeds of their own until enough fault cycles are on record, and the report on them."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import redis

from tests.chaos.history import Verdict, run_history
from tests.chaos.stack import ChaosStack
from tests.fixtures.stack import ROOT

CYCLES_A_HISTORY = 20


class Journal:
    """What each history came to, one line each: an interrupted campaign goes on where it was."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._file = folder / "histories.jsonl"

    def read(self) -> list[Verdict]:
        """Read all; a line that a crash cut off counts as none."""
        verdicts = []
        with suppress(FileNotFoundError):
            for line in self._file.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):
                    verdicts.append(Verdict(**json.loads(line)))
        return verdicts

    def add(self, verdict: Verdict) -> None:
        """Write one down."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(verdict)) + "\n")


def run_campaign(
    journal: Journal,
    *,
    base: str,
    cycles: int,
    seconds: float,
    say: Callable[[str], None],
    cycles_a_history: int = CYCLES_A_HISTORY,
) -> list[Verdict]:
    """Run histories until the journal holds enough fault cycles, or the time is over.

    Args:
        journal: Takes the results; what it holds counts.
        base: The histories' seeds are this with a number.
        cycles: Fault cycles that are enough.
        seconds: Time after which no further history begins.
        say: Tells people.
        cycles_a_history: Fault cycles between two judgements.
    """
    verdicts = journal.read()
    end = time.monotonic() + seconds
    stack: ChaosStack | None = None
    try:
        while sum(one.count for one in verdicts) < cycles and time.monotonic() < end:
            if stack is None:
                stack = ChaosStack()
                stack.start()
            seed = f"{base}{len(verdicts) + 1}"
            wanted = min(cycles_a_history, cycles - sum(one.count for one in verdicts))
            verdict = run_one(stack, seed, cycles=wanted, artefacts=journal.folder)
            journal.add(verdict)
            verdicts.append(verdict)
            total = sum(one.count for one in verdicts)
            say(describe(verdict) + f"; {total} cycles so far")
            if verdict.complaints:
                # What is broken must not spoil the next history.
                stack.close()
                stack = None
    finally:
        if stack is not None:
            stack.close()
    return verdicts


def run_one(stack: ChaosStack, seed: str, *, cycles: int, artefacts: Path) -> Verdict:
    """Run one history; a platform that does not come back is a broken promise too."""
    try:
        verdict = run_history(stack, seed, cycles=cycles, artefacts=artefacts)
    except (AssertionError, redis.RedisError) as error:
        logs = "\n".join(f"--- {part}\n{stack.log_tail(part, lines=15)}" for part in ("redis", "web", "worker", "beat"))
        verdict = Verdict(seed, complaints=[f"the platform did not come back: {error!r}\n{logs}"])
    verdict.commit = _commit()
    return verdict


def describe(verdict: Verdict) -> str:
    """Say in a line what came of a history; broken promises follow, with the command that tries again."""
    head = (
        f"{verdict.seed}: {verdict.count} faults, {verdict.requests} requests ({verdict.unanswered} unanswered), "
        f"{verdict.accepted} jobs {verdict.statuses}, {verdict.seconds:.0f} s: "
    )
    if not verdict.complaints:
        return head + "ok"
    more = [f"  {complaint}" for complaint in verdict.complaints[:12]]
    if len(verdict.complaints) > 12:
        more.append(f"  and {len(verdict.complaints) - 12} more")
    return "\n".join([f"{head}BROKEN", *more, f"  again: make chaos SEED={verdict.seed}"])


def summarise(verdicts: list[Verdict]) -> dict[str, object]:
    """Add the histories up."""
    faults: Counter[str] = Counter()
    for verdict in verdicts:
        faults.update(verdict.cycles)
    complaints = [complaint for verdict in verdicts for complaint in verdict.complaints]
    return {
        "histories": len(verdicts),
        "fault_cycles": sum(faults.values()),
        "faults": dict(faults.most_common()),
        "requests": sum(verdict.requests for verdict in verdicts),
        "requests_without_an_answer": sum(verdict.unanswered for verdict in verdicts),
        "jobs_accepted": sum(verdict.accepted for verdict in verdicts),
        "jobs_failed_after_three_unlucky_attempts": sum(verdict.unlucky for verdict in verdicts),
        "lost": sum(complaint.startswith("LOST") for complaint in complaints),
        "double": sum(complaint.startswith("DOUBLE") for complaint in complaints),
        "other_broken_promises": sum(not complaint.startswith(("LOST", "DOUBLE")) for complaint in complaints),
        "broken_seeds": [verdict.seed for verdict in verdicts if verdict.complaints],
        "hours": round(sum(verdict.seconds for verdict in verdicts) / 3600, 2),
        "seconds_a_cycle": round(sum(v.seconds for v in verdicts) / max(1, sum(faults.values())), 2),
        "commits": sorted({verdict.commit for verdict in verdicts}),
    }


def table(summary: dict[str, object]) -> str:
    """Write a summary for people."""
    faults = summary["faults"]
    assert isinstance(faults, dict)
    rows = [f"{name.replace('_', ' '):44} {value}" for name, value in summary.items() if name != "faults"]
    return "\n".join([*rows, "", *(f"{count:6}  {name}" for name, count in faults.items())])


def _commit() -> str:
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, check=False)
    return answer.stdout.decode().strip()
