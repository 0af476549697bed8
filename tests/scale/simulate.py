"""Workers, the processors that they share and the one thread of Redis, simulated with measured service times.

    python -m tests.scale.simulate 16 64 --cores 2

A worker claims a chunk, reads and decodes, lets its network compute, reports. Claims and reports stand in line for
Redis; where workers and Redis share processors, all of them stand in line for those too. Measured are the seconds that
each step takes; what is asked of the simulation is how long they stand in line.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import click

# Steps are no metronome: the spread of a gamma distribution of this shape is half of its mean.
_SHAPE: Final = 4

Step = tuple[str, float]


@dataclass(frozen=True)
class Service:
    """What a job takes.

    Attributes:
        redis_seconds: Processor time of Redis, claim and report together.
        worker_seconds: Processor time of a worker besides its network.
        image_seconds: Time of the network, on a device of the worker's own.
        flush_seconds: Time in which Redis flushes what it wrote before it answers; those who wait share a flush.
        chunk: Jobs of a claim.
    """

    redis_seconds: float
    worker_seconds: float
    image_seconds: float = 0.01
    flush_seconds: float = 0.0
    chunk: int = 20


@dataclass
class Line:
    """Something of which there are so many, and who waits for it."""

    free: int
    waiting: deque[Callable[[], None]] = field(default_factory=deque)

    def take(self, then: Callable[[], None]) -> None:
        """Have one as soon as there is one."""
        if self.free:
            self.free -= 1
            then()
        else:
            self.waiting.append(then)

    def give_back(self) -> None:
        """Pass it on to who waits longest."""
        if self.waiting:
            self.waiting.popleft()()
        else:
            self.free += 1


class Simulation:
    """One run; the same seed gives the same run.

    Args:
        cores: Processors that workers and Redis share; none: each worker and Redis have one of their own.
    """

    def __init__(self, service: Service, *, workers: int, cores: int | None, seed: int) -> None:
        self._service = service
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self._now = 0.0
        self._redis = Line(1)
        self._cores = Line(cores or workers + 1)
        self._workers = workers
        self._ended: list[tuple[float, int]] = []

    def ratio(self, *, seconds: float = 20.0) -> float:
        """Tell what share of their ideal the workers reach; the first tenth, in which they spread, is left out."""
        for number in range(self._workers):
            # Not all at the same instant: their processes do not start so either.
            self._after(number / self._workers * self._service.chunk * self._service.image_seconds, self._start)
        while self._events and self._now < seconds:
            self._now, _, then = heapq.heappop(self._events)
            then()
        done = sum(jobs for at, jobs in self._ended if seconds / 10 <= at < seconds)
        return done / (0.9 * seconds) * self._service.image_seconds / self._workers

    def _start(self) -> None:
        self._go_on(self._worker())

    def _worker(self) -> Generator[Step, None, None]:
        service, jobs = self._service, self._service.chunk
        while True:
            yield "redis", jobs * service.redis_seconds / 2
            yield "core", jobs * service.worker_seconds / 2
            yield "device", jobs * service.image_seconds
            yield "core", jobs * service.worker_seconds / 2
            yield "redis", jobs * service.redis_seconds / 2
            self._ended.append((self._now, jobs))

    def _go_on(self, worker: Generator[Step, None, None]) -> None:
        kind, mean = next(worker)
        if kind == "device":
            self._after(mean, lambda: self._go_on(worker))
        elif kind == "core":
            self._cores.take(lambda: self._use(self._cores, mean, worker))
        else:
            self._redis.take(lambda: self._cores.take(lambda: self._ask_redis(mean, worker)))

    def _use(self, line: Line, mean: float, worker: Generator[Step, None, None]) -> None:
        def done() -> None:
            line.give_back()
            self._go_on(worker)

        self._after(self._spread(mean), done)

    def _ask_redis(self, mean: float, worker: Generator[Step, None, None]) -> None:
        # A flush keeps the thread and no processor, and is shared by who waits: by the line that there is now.
        flush = self._service.flush_seconds / (1 + len(self._redis.waiting))

        def computed() -> None:
            self._cores.give_back()
            self._after(flush, answered)

        def answered() -> None:
            self._redis.give_back()
            self._go_on(worker)

        self._after(self._spread(mean), computed)

    def _spread(self, mean: float) -> float:
        return self._random.gammavariate(_SHAPE, mean / _SHAPE) if mean else 0.0

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._number), then))


@click.command()
@click.argument("workers", nargs=-1, type=int)
@click.option("--cores", type=int, help="Processors that workers and Redis share; unset: each has its own.")
@click.option("--redis-us", "redis", default=100.0, show_default=True, help="Processor time of Redis a job.")
@click.option("--worker-us", "own", default=200.0, show_default=True, help="That of a worker, without its network.")
@click.option("--image-ms", "image", default=10.0, show_default=True, help="Time of the network an image.")
@click.option("--flush-ms", "flush", default=0.0, show_default=True, help="Time of a flush, shared by who waits.")
def main(workers: tuple[int, ...], cores: int | None, **costs: float) -> None:
    """Print what share of their ideal WORKERS reach, for each of these numbers."""
    service = Service(costs["redis"] / 1e6, costs["own"] / 1e6, costs["image"] / 1e3, costs["flush"] / 1e3)
    for number in workers or (16, 64):
        ratio = Simulation(service, workers=number, cores=cores, seed=1).ratio()
        click.echo(f"{number:4} workers: {ratio:.3f} of ideal, {ratio * number / service.image_seconds:.0f} images/s")


if __name__ == "__main__":
    main()
