"""A job store on the run's Redis, and verbs for the tests of its transitions."""

from collections.abc import Iterator

import pytest
import redis

from common.jobs.batches import BatchStore
from common.jobs.record import BatchMembership, Claim, NewJob, Outcome, Success, new_job_id
from common.jobs.store import JobStore
from common.queues import QueueName
from common.redis_client import connect
from tests.announcing_store import AnnouncingStore

LABELS = ("caries", "healthy", "ulcer")
LIMITS = {QueueName.INTERACTIVE: 8, QueueName.BULK: 32}


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with connect(redis_url, timeout_seconds=2, max_connections=16) as connection:
        yield connection


@pytest.fixture
def store(client: redis.Redis) -> JobStore:
    made = AnnouncingStore(client)
    made.register_labels("v1", LABELS)
    return made


@pytest.fixture
def batches(client: redis.Redis) -> BatchStore:
    return BatchStore(client)


class Verbs:
    """Do to a store, in one word, what a test is not about."""

    def __init__(self, store: JobStore) -> None:
        self.store = store

    def submit(
        self, count: int = 1, *, queue: QueueName = QueueName.INTERACTIVE, batch_id: str | None = None
    ) -> list[str]:
        jobs = [NewJob(new_job_id(), queue, f"tooth-{number}.jpg") for number in range(count)]
        batch = BatchMembership(batch_id, life_seconds=3600) if batch_id else None
        self.store.create(jobs, batch=batch)
        return [job.id for job in jobs]

    def claim(self, *, lease_seconds: float = 60) -> list[Claim]:
        return self.store.claim(LIMITS, lease_seconds=lease_seconds)

    def lose(self) -> list[Claim]:
        """Claim as a worker does that dies at once."""
        return self.claim(lease_seconds=0)

    def succeed(self, claim: Claim, label: str = "caries") -> bool:
        return self.store.finish([success(claim, label)])[0]


def success(claim: Claim, label: str = "caries") -> Success:
    probabilities = tuple(0.9 if name == label else 0.05 for name in LABELS)
    return Success(claim, "v1", Outcome.ANSWERED, label, probabilities, decode_seconds=0.006, inference_seconds=0.011)


@pytest.fixture
def verbs(store: JobStore) -> Verbs:
    return Verbs(store)
