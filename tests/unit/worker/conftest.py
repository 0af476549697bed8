"""A job store, a storage and a model of known answers, so that a chunk's work can be seen at its edges."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import redis

from common.errors import DentiqError, ImageTruncatedError, InferenceError
from common.jobs.batches import BatchStore
from common.jobs.record import NewJob, Outcome, new_job_id
from common.queues import QueueName
from common.redis_client import connect
from common.storage import Storage, image_key
from tests.announcing_store import AnnouncingStore
from worker.chunk import ChunkWork, RetryPolicy
from worker.inference.prediction import Prediction

LIMITS = {QueueName.INTERACTIVE: 8, QueueName.BULK: 32}


class FakePredictor:
    """Answer by the bytes themselves: the first byte is the probability of caries in percent."""

    version = "v1"
    labels = ("caries", "healthy")

    def __init__(self) -> None:
        self.chunks: list[int] = []

    def predict(self, images: Iterable[bytes]) -> list[Prediction | DentiqError]:
        answers = [self._answer(image) for image in images]
        self.chunks.append(len(answers))
        return answers

    def check(self) -> None:
        """This network never breaks."""

    def _answer(self, image: bytes) -> Prediction | DentiqError:
        if image == b"truncated":
            return ImageTruncatedError("The file ends early.")
        if image == b"network":
            return InferenceError("The network failed on this image.")
        if image == b"bug":
            raise ZeroDivisionError
        caries = image[0] / 100
        return Prediction((caries, 1 - caries), Outcome.ANSWERED, decode_seconds=0.001, inference_seconds=0.002)


class Bench:
    """A chunk's surroundings, with verbs."""

    limits = LIMITS

    def __init__(self, client: redis.Redis, folder: Path) -> None:
        self.client = client
        self.store = AnnouncingStore(client)
        self.batches = BatchStore(client)
        self.store.register_labels("v1", FakePredictor.labels)
        self.storage = Storage((folder / "storage").as_uri(), fsync=False)
        self.predictor = FakePredictor()
        self.work = ChunkWork(self.store, self.storage, self.predictor, RetryPolicy(max_attempts=3, backoff_seconds=0))

    def submit(self, *images: bytes) -> list[str]:
        jobs = [NewJob(new_job_id(), QueueName.BULK, "tooth.jpg") for _ in images]
        for job, image in zip(jobs, images, strict=True):
            self.storage.put(image_key(job.id), image)
        self.store.create(jobs)
        return [job.id for job in jobs]

    def run(self) -> int:
        claims = self.store.claim(LIMITS, lease_seconds=60)
        self.sound = self.work.run(claims) if claims else True
        return len(claims)


@pytest.fixture
def bench(redis_url: str, tmp_path: Path) -> Iterator[Bench]:
    with connect(redis_url, timeout_seconds=2, max_connections=8) as client:
        yield Bench(client, tmp_path)
