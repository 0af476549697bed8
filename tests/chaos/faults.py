"""What the campaign does to the platform: each fault hits one part, holds for a moment and is lifted."""

import contextlib
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import redis

from tests.chaos.link import Line
from tests.chaos.reference import DAMAGED_VERSION, VERSIONS
from tests.chaos.stack import LEASE_SECONDS, PARTS, ChaosStack, kill


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: As the report calls it.
        target: The part that must be at work before it is hit.
        weight: How often it is drawn, beside the others.
        hit: Does it, holds it as long as it is to last, and lifts it.
    """

    name: str
    target: str
    weight: int
    hit: Callable[[ChaosStack, random.Random], None]


def _kill(part: str) -> Callable[[ChaosStack, random.Random], None]:
    return lambda stack, _: kill([stack.pid(part)])


def _kill_child(part: str) -> Callable[[ChaosStack, random.Random], None]:
    def hit(stack: ChaosStack, chance: random.Random) -> None:
        if children := stack.children(part):
            kill([chance.choice(children)])

    return hit


def _kill_everything(stack: ChaosStack, chance: random.Random) -> None:
    kill([pid for part in PARTS for pid in (stack.pid(part), *stack.children(part))])


def _crash(stack: ChaosStack, chance: random.Random) -> None:
    stack.crash()


def _stop_softly(part: str) -> Callable[[ChaosStack, random.Random], None]:
    return lambda stack, _: kill([stack.pid(part)], signal.SIGTERM)


def _freeze(pids: Callable[[ChaosStack, random.Random], list[int]], least: float, most: float) -> Callable[..., None]:
    def hit(stack: ChaosStack, chance: random.Random) -> None:
        frozen = pids(stack, chance)
        kill(frozen, signal.SIGSTOP)
        time.sleep(chance.uniform(least, most))
        kill(frozen, signal.SIGCONT)

    return hit


def _one_child(stack: ChaosStack, chance: random.Random) -> list[int]:
    children = stack.children("worker")
    return [chance.choice(children)] if children else []


def _whole_worker(stack: ChaosStack, chance: random.Random) -> list[int]:
    return [stack.pid("worker"), *stack.children("worker")]


def _redis(stack: ChaosStack, chance: random.Random) -> list[int]:
    return [stack.pid("redis")]


def _fill_redis(stack: ChaosStack, chance: random.Random) -> None:
    with contextlib.suppress(redis.RedisError):
        stack.jobs.config_set("maxmemory", "1mb")
        time.sleep(chance.uniform(0.5, 2.0))
    with contextlib.suppress(redis.RedisError):
        stack.jobs.config_set("maxmemory", "0")


def _fill_storage(stack: ChaosStack, chance: random.Random) -> None:
    stack.room.fill([stack.pid("web"), *stack.children("web")])
    time.sleep(chance.uniform(0.5, 1.5))
    stack.room.clear()


def _break_link(name: str, line: Line, most_seconds: float) -> Callable[[ChaosStack, random.Random], None]:
    """Cut, mute or deafen a link, then let it go on; a muted one may go on where it was, or be reset."""

    def hit(stack: ChaosStack, chance: random.Random) -> None:
        link = stack.links[name]
        link.set(line, reset=line is Line.CUT)
        time.sleep(chance.uniform(0.1, most_seconds))
        link.set(Line.OPEN, reset=line is Line.DEAF or (line is Line.MUTE and chance.random() < 0.5))

    return hit


def _slow_link(name: str) -> Callable[[ChaosStack, random.Random], None]:
    def hit(stack: ChaosStack, chance: random.Random) -> None:
        stack.links[name].set(Line.OPEN, delay_seconds=chance.uniform(0.05, 0.4))
        time.sleep(chance.uniform(0.5, 2.0))
        stack.links[name].set(Line.OPEN)

    return hit


def _promote(stack: ChaosStack, chance: random.Random) -> None:
    """Let another version serve, now and then after one that is refused: the old one goes on meanwhile."""
    if chance.random() < 0.3:
        stack.models.set_current(DAMAGED_VERSION)
        time.sleep(chance.uniform(0.5, 2.5))
    stack.models.set_current(chance.choice(VERSIONS))


_PAST_LEASE = (LEASE_SECONDS + 0.5, LEASE_SECONDS + 2.0)

# Two lanes at once, so that faults meet: each waits for its own target alone.
WEB_LANE: Final = (
    Fault("kill -9 web", "web", 4, _kill("web")),
    Fault("kill -9 a process of web", "web", 10, _kill_child("web")),
    Fault("SIGTERM web", "web", 2, _stop_softly("web")),
    Fault("kill -9 Redis", "web", 7, _kill("redis")),
    Fault("SIGSTOP Redis", "web", 5, _freeze(_redis, 0.3, 3.0)),
    Fault("Redis full", "web", 8, _fill_redis),
    Fault("storage full", "web", 7, _fill_storage),
    Fault("web to Redis slow", "web", 6, _slow_link("web")),
    Fault("web to Redis cut", "web", 9, _break_link("web", Line.CUT, 1.5)),
    Fault("web to Redis mute", "web", 6, _break_link("web", Line.MUTE, 3.0)),
    Fault("answers to web withheld", "web", 6, _break_link("web", Line.DEAF, 0.6)),
    Fault("answers to scripts of web lost", "web", 18, _break_link("web", Line.FORGETFUL, 2.0)),
    Fault("kill -9 every part", "web", 1, _kill_everything),
    Fault("crash, supervisor too, and start", "web", 1, _crash),
)
WORKER_LANE: Final = (
    Fault("kill -9 worker", "worker", 6, _kill("worker")),
    Fault("kill -9 a pool process", "worker", 22, _kill_child("worker")),
    Fault("SIGTERM worker", "worker", 3, _stop_softly("worker")),
    Fault("SIGSTOP a pool process past its lease", "worker", 10, _freeze(_one_child, *_PAST_LEASE)),
    Fault("SIGSTOP the worker past its lease", "worker", 5, _freeze(_whole_worker, *_PAST_LEASE)),
    Fault("kill -9 beat", "beat", 6, _kill("beat")),
    Fault("worker to Redis slow", "worker", 6, _slow_link("worker")),
    Fault("worker to Redis cut", "worker", 9, _break_link("worker", Line.CUT, 1.5)),
    Fault("worker to Redis mute", "worker", 6, _break_link("worker", Line.MUTE, 3.5)),
    Fault("answers to worker withheld", "worker", 6, _break_link("worker", Line.DEAF, 0.6)),
    Fault("answers to scripts of worker lost", "worker", 16, _break_link("worker", Line.FORGETFUL, 2.0)),
    Fault("promote a version", "worker", 5, _promote),
)


def lift_all(stack: ChaosStack) -> None:
    """Leave nothing hurt that does not mend by itself; called before the check."""
    for link in stack.links.values():
        link.set(Line.OPEN)
    stack.room.clear()
    kill([pid for part in PARTS for pid in (stack.pid(part), *stack.children(part))], signal.SIGCONT)
    stack.await_up("redis")
    stack.jobs.config_set("maxmemory", "0")


def draw_plans(chance: random.Random, *, cycles: int) -> list[list[Fault]]:
    """Draw the faults of one history, one list a lane."""
    # Fewer for web: where it is always down, nobody sends.
    web_cycles = cycles * 2 // 5
    return [
        chance.choices(lane, [fault.weight for fault in lane], k=count)
        for lane, count in ((WEB_LANE, web_cycles), (WORKER_LANE, cycles - web_cycles))
    ]
