"""A worker without a network: it claims and finishes jobs through the job store, as a test tells it to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from common.jobs.record import Claim, Failure, Outcome, Success, WorkerInfo
from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister
from common.queues import QueueName
from common.redis_client import connect
from common.settings import Settings

LABELS = ("calculus", "caries", "discoloration", "gingivitis", "healthy", "hypodontia", "ulcer")
PROBABILITIES = (0.01, 0.85, 0.02, 0.05, 0.04, 0.02, 0.01)
VERSION = "test-1"
LIMITS = {QueueName.INTERACTIVE: 8, QueueName.BULK: 32}


class FakeWorker:
    """Act as a worker process in the job store of the given settings."""

    def __init__(self, settings: Settings) -> None:
        client = connect(settings.effective_job_store_url, timeout_seconds=5, max_connections=8)
        self.store = JobStore(client)
        self.register = WorkerRegister(client)

    def be_alive(self, life_seconds: float = 60) -> None:
        """Register, as a worker does that holds a model."""
        self.store.register_labels(VERSION, LABELS)
        self.register.renew(WorkerInfo("fake@test", VERSION, "onnx", "cpu"), life_seconds=life_seconds)

    def claim(self) -> list[Claim]:
        """Lease the waiting jobs."""
        return self.store.claim(LIMITS, lease_seconds=60)

    def succeed(
        self,
        claims: list[Claim],
        *,
        outcome: Outcome = Outcome.ANSWERED,
        probabilities: tuple[float, ...] = PROBABILITIES,
    ) -> None:
        """Write the same result for each claim."""
        self.store.register_labels(VERSION, LABELS)
        label = LABELS[probabilities.index(max(probabilities))]
        self.store.finish(
            [
                Success(claim, VERSION, outcome, label, probabilities, decode_seconds=0.006, inference_seconds=0.011)
                for claim in claims
            ]
        )

    def fail(self, claims: list[Claim], *, code: str = "image_truncated", message: str = "It ends early.") -> None:
        """Write the same failure for each claim."""
        self.store.finish([Failure(claim, code, message) for claim in claims])

    @contextmanager
    def working(self, finish: Callable[[list[Claim]], None] | None = None) -> Iterator[None]:
        """Claim and finish whatever comes, on a thread, until the block is left."""
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                self.be_alive()
                claims = self.claim()
                if claims:
                    (finish or self.succeed)(claims)
                stop.wait(0.02)

        thread = threading.Thread(target=work, name="fake-worker")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
