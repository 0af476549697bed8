"""Hurts the real local stack in random histories, and checks that it keeps what it promises.

    make chaos
    make chaos CYCLES=50
    make chaos SEED=a17

See tests/chaos/README.md.
"""

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import click

from tests.chaos.campaign import CYCLES_A_HISTORY, Journal, describe, run_campaign, run_one, summarise, table
from tests.chaos.scenarios import SLOW_SECONDS_PER_IMAGE, process_takeover, redis_restarts, rolling, worker_takeover
from tests.chaos.soak import Trend, soak
from tests.chaos.stack import ChaosStack


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


@click.group()
def main() -> None:
    """Hurt a platform of its own and compare what it told with what it stored."""
    # As at Ctrl-C: what was started is stopped.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


@main.command()
@click.option("--cycles", default=1000, show_default=True, help="Fault cycles that are enough.")
@click.option("--seconds", default=1e9, help="Time after which no further history begins.")
@click.option("--base", default="a", show_default=True, help="Seeds are this with a number.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/chaos"), show_default=True)
@click.option("--fresh", is_flag=True, help="Forget the histories of earlier runs.")
def campaign(cycles: int, seconds: float, base: str, folder: Path, *, fresh: bool) -> None:
    """Run histories until enough fault cycles are on record; an interrupted campaign goes on."""
    journal = Journal(folder)
    if fresh:
        (folder / "histories.jsonl").unlink(missing_ok=True)
    verdicts = run_campaign(journal, base=base, cycles=cycles, seconds=seconds, say=_say)
    summary = summarise(verdicts)
    (folder / "report.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    (folder / "report.txt").write_text(table(summary) + "\n", encoding="utf-8")
    _say(table(summary))
    sys.exit(1 if summary["broken_seeds"] else 0)


@main.command()
@click.argument("seed")
@click.option("--cycles", default=CYCLES_A_HISTORY, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/chaos"), show_default=True)
def replay(seed: str, cycles: int, folder: Path) -> None:
    """Run the history of one seed again."""
    stack = ChaosStack()
    try:
        stack.start()
        verdict = run_one(stack, seed, cycles=cycles, artefacts=folder)
    finally:
        stack.close()
    _say(describe(verdict))
    sys.exit(1 if verdict.complaints else 0)


_SCENARIOS = {
    "worker-takeover": worker_takeover,
    "process-takeover": process_takeover,
    "redis-restarts": redis_restarts,
    "rolling": rolling,
}


@main.command()
@click.argument("name", type=click.Choice(list(_SCENARIOS)))
@click.option("--times", default=100, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/chaos"), show_default=True)
def scenario(name: str, times: int, folder: Path) -> None:
    """Meet one kind of fault many times, with the leases and time limits that dentiq comes with."""
    slow = SLOW_SECONDS_PER_IMAGE if "takeover" in name else 0.01
    stack = ChaosStack(quick=False, seconds_per_image=slow)
    try:
        stack.start()
        found = _SCENARIOS[name](stack, times=times, say=_say)
    finally:
        stack.close()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    for what, figure in found.figures.items():
        _say(f"{what:24} {figure:g}")
    for complaint in found.complaints:
        _say(f"BROKEN: {complaint}")
    _say(f"{name}: {found.times} times, {'BROKEN' if found.complaints else 'ok'}")
    sys.exit(1 if found.complaints else 0)


@main.command(name="soak")
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--warm-up-jobs", default=12_000, show_default=True, help="Jobs at full load before the minutes begin.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/chaos"), show_default=True)
def soak_command(minutes: float, warm_up_jobs: int, folder: Path) -> None:
    """Keep a platform with the real model at work, and tell what grows."""
    stack = ChaosStack(stand_in=False, quick=False)
    try:
        stack.start()
        trends, jobs = soak(stack, minutes=minutes, warm_up_jobs=warm_up_jobs, say=_say)
    finally:
        stack.close()
    lines = [f"{'':26} {'mean':>9} {'an hour':>9}   95 %"]
    lines += [f"{one.name:26} {one.mean:9.1f} {one.slope:+9.2f} +-{one.noise:<6.2f} {_verdict(one)}" for one in trends]
    report = "\n".join([*lines, f"{jobs} jobs in {minutes:g} minutes, after {warm_up_jobs} at full load"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "soak.txt").write_text(report + "\n", encoding="utf-8")
    _say(report)
    sys.exit(0 if all(one.flat for one in trends) else 1)


def _verdict(one: Trend) -> str:
    if one.within_noise:
        return "within noise"
    return "rises, by less than 2 % an hour" if one.flat else "GROWS"


if __name__ == "__main__":
    main()
