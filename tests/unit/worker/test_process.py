"""A pool process without Celery: it waits at the job store, works when it is called, and leaves when it should."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

import worker.idling
import worker.process
import worker.serving
from common.jobs import keys
from common.jobs.explanations import ExplanationRegister
from common.manifest import MANIFEST_NAME
from common.messages import WorkHint
from common.model_store import ModelStore
from common.queues import CONSUMED_QUEUES, QueueName
from common.settings import Settings
from tests.scale.rig import VERSION, StandIn
from tests.unit.worker.conftest import Bench
from tests.waiting import wait_until
from worker.process import PoolProcess

# How long a task of these tests would wait: they end it themselves, long before.
_LONG_SECONDS = 60.0


class Hints:
    """Keep what a process sends by Celery."""

    def __init__(self) -> None:
        self.sent: list[QueueName] = []

    def send(self, queue: QueueName, count: int = 1) -> None:
        self.sent += [queue] * count

    def waiting(self, queue: QueueName) -> int:
        return self.sent.count(queue)


class Waiting:
    """A process at one of its tasks, on a thread of its own."""

    def __init__(self, process: PoolProcess, bench: Bench, hints: Hints, threads: ThreadPoolExecutor) -> None:
        self.process = process
        self.sent = hints.sent
        self._bench = bench
        self._threads = threads

    def started(self, task: Callable[[], None]) -> "Future[None]":
        """Begin a task."""
        return self._threads.submit(task)

    def begin(self, task: Callable[[], None]) -> "Future[None]":
        """Begin a task; return once the process waits in it."""
        running = self.started(task)
        wait_until(lambda: self._waits() or running.done(), what="a process that waits")
        assert not running.done()
        return running

    def drain(self) -> None:
        """Take a hint."""
        self.process.drain(WorkHint(QueueName.INTERACTIVE))

    def bring(self) -> str:
        """Bring a job; return its id."""
        (job_id,) = self._bench.submit(b"image")
        return job_id

    def submit(self) -> str:
        """Bring a job; return its id once it has succeeded."""
        job_id = self.bring()
        wait_until(lambda: self._bench.store.get(job_id).status.is_terminal, what="the end of the job")
        assert self._bench.store.get(job_id).status == "succeeded"
        return job_id

    def call_back(self, *, stopping: bool = False) -> None:
        """Have the process go back to Celery, once it waits again, or have it stop."""
        job_id = self.submit()
        wait_until(self._waits, what="a process that waits again")
        if stopping:
            self.process.stopping.set()
        ExplanationRegister(self._bench.client).ask(job_id)

    def _waits(self) -> int:
        return int(self._bench.client.zcard(keys.IDLE))


@pytest.fixture
def client(bench: Bench) -> redis.Redis:
    return bench.client


@pytest.fixture
def waiting(bench: Bench, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    models = tmp_path / "models"
    (models / VERSION).mkdir(parents=True)
    (models / VERSION / MANIFEST_NAME).touch()
    ModelStore(models).set_current(VERSION)
    monkeypatch.setattr(worker.serving, "load_predictor", lambda *_, **__: StandIn())
    monkeypatch.setattr(worker.idling, "_MOST_SECONDS", _LONG_SECONDS)
    monkeypatch.setattr(worker.process, "_WORK_SECONDS", _LONG_SECONDS)
    hints = Hints()
    settings = Settings(
        redis_url=redis_url,
        job_store_url=redis_url,
        redis_timeout_seconds=2 * _LONG_SECONDS,
        sweep_interval_seconds=_LONG_SECONDS,
        data_dir=tmp_path,
        model_store_dir=models,
    )
    process = PoolProcess(settings, hints)  # type: ignore[arg-type]  # it stands in for Celery's
    process.start()
    with ThreadPoolExecutor(1) as threads:
        yield Waiting(process, bench, hints, threads)
        process.stop()


def test_a_process_that_waits_works_on_the_next_job_without_a_hint(waiting: Waiting) -> None:
    task = waiting.begin(waiting.drain)
    waiting.submit()
    waiting.call_back()
    task.result(timeout=10)
    assert waiting.sent == []


def test_after_a_sweep_it_waits_as_after_a_hint(waiting: Waiting) -> None:
    task = waiting.begin(waiting.process.sweep)
    waiting.submit()
    waiting.call_back()
    task.result(timeout=10)


def test_a_stopping_process_leaves_the_job_that_it_is_called_for_to_others(waiting: Waiting) -> None:
    task = waiting.begin(waiting.drain)
    waiting.process.stopping.set()
    waiting.bring()
    task.result(timeout=10)
    assert waiting.sent == [QueueName.INTERACTIVE]


def test_a_process_that_stops_while_it_waits_for_nothing_leaves_no_hint(waiting: Waiting) -> None:
    task = waiting.begin(waiting.drain)
    waiting.call_back(stopping=True)
    task.result(timeout=10)
    assert waiting.sent == []


@pytest.mark.parametrize("queue", CONSUMED_QUEUES)
def test_no_process_waits_while_a_celery_message_does(waiting: Waiting, client: redis.Redis, queue: str) -> None:
    client.rpush(queue, "a heat map, a sweep, a hint that nobody took")
    waiting.started(waiting.drain).result(timeout=20)  # would last a minute
    assert client.zcard(keys.IDLE) == 0


def test_no_process_waits_where_the_broker_does_not_tell(
    waiting: Waiting, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: str) -> int:
        raise redis.ConnectionError

    monkeypatch.setattr(waiting.process._idling._broker, "exists", away)
    waiting.started(waiting.drain).result(timeout=20)
    assert client.zcard(keys.IDLE) == 0


def test_a_process_that_nobody_calls_goes_back_to_celery(waiting: Waiting) -> None:
    waiting.process._idling._task_seconds = 0.1
    waiting.drain()
    assert waiting.sent == []
