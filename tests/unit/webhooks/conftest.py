"""A job store whose jobs end at a word, a receiver, and somebody who sends what is due."""

import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from common.jobs.batches import BatchStore
from common.jobs.deliveries import DeliveryStore
from common.jobs.record import BatchMembership, Failure, NewJob, Outcome, Success, new_job_id
from common.queues import QueueName
from common.redis_client import connect
from common.settings import Settings
from tests.announcing_store import AnnouncingStore
from tests.waiting import wait_until
from tests.webhook_receiver import SECRET, Receiver, receiving
from worker.webhooks.deliverer import USUAL, Deliverer, Rhythm
from worker.webhooks.sending import Sender

LIMITS = {QueueName.INTERACTIVE: 8, QueueName.BULK: 32}


class Desk:
    """Submit jobs that tell of their end, and end them."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.store = AnnouncingStore(client)
        self.batches = BatchStore(client)
        self.deliveries = DeliveryStore(client)

    def job(self, url: str) -> str:
        return self.jobs(url, 1)[0]

    def jobs(self, url: str, count: int) -> list[str]:
        jobs = [NewJob(new_job_id(), QueueName.INTERACTIVE, "tooth.jpg") for _ in range(count)]
        self.store.create(jobs, webhook_url=url)
        return [job.id for job in jobs]

    def batch(self, url: str) -> str:
        return self.batches.create(new_job_id(), name="Monday", life_seconds=3600, webhook_url=url).id

    def add(self, batch_id: str, count: int = 1) -> list[str]:
        jobs = [NewJob(new_job_id(), QueueName.BULK, "tooth.jpg") for _ in range(count)]
        self.store.create(jobs, batch=BatchMembership(batch_id, life_seconds=3600))
        return [job.id for job in jobs]

    def finish(self, count: int | None = None, *, failed: bool = False) -> None:
        claims = self.store.claim(LIMITS, lease_seconds=60)[:count]
        self.store.finish(
            [
                Failure(claim, "image_truncated", "It ends early.")
                if failed
                else Success(claim, "v1", Outcome.ANSWERED, "caries", (1.0,), decode_seconds=0, inference_seconds=0)
                for claim in claims
            ]
        )


@pytest.fixture
def desk(redis_url: str) -> Iterator[Desk]:
    with connect(redis_url, timeout_seconds=2, max_connections=16) as client:
        yield Desk(client)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def deliver(desk: Desk) -> Iterator[Callable[..., Deliverer]]:
    """Start somebody who sends what is due: `deliver(allow_private=True, max_attempts=3, ...)`."""
    made: list[Deliverer] = []

    def start(
        *, allow_private: bool = True, max_attempts: int = 3, timeout_seconds: float = 2, rhythm: Rhythm = USUAL
    ) -> Deliverer:
        settings = Settings(webhook_max_attempts=max_attempts, webhook_backoff_seconds=0.01)
        sender = Sender([SECRET], allow_private=allow_private, timeout_seconds=timeout_seconds)
        made.append(Deliverer(desk.deliveries, sender, settings, rhythm=rhythm))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.stop()
    # They note what came of it after the receiver has its message, and the store is closed next.
    wait_until(lambda: not any(thread.name == "webhook" for thread in threading.enumerate()), 25, what="the last note")
