"""The product's own submission, job store, storage and chunk code on a Redis of their own, without HTTP and Celery."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import redis

from common.jobs.record import Outcome, new_job_id
from common.queues import QueueName
from common.redis_client import connect
from common.settings import Settings
from tests.fixtures.images import encode_image
from tests.fixtures.redis import RedisServer, free_port
from tests.web_server import web_settings
from web.multipart import Upload
from web.services import build_services
from worker.chunk import ChunkWork, RetryPolicy
from worker.inference.prediction import Prediction

LABELS: Final = ("calculus", "caries", "discoloration", "gingivitis", "healthy", "hypodontia", "ulcer")
# A name as versions have it; nothing in the model store needs to bear it.
VERSION: Final = "20260101-sample"
# What one request to a batch carries, and one chunk of it.
PORTION: Final = 64
CHUNK: Final = 32
_LIMITS: Final = {QueueName.INTERACTIVE: 8, QueueName.BULK: CHUNK}


class StandIn:
    """A network that says another label of each image in turn, and every tenth time that it is not sure."""

    version = VERSION
    labels = LABELS
    runtime_name = "stand-in"
    device_name = "cpu"

    def __init__(self, *, image_seconds: float = 0.0) -> None:
        self._image_seconds = image_seconds
        self._number = count()

    def predict(self, images: Iterable[bytes]) -> Sequence[Prediction]:
        """Answer a chunk after the time that its images are said to take: one forward pass, as on a GPU."""
        answers = [self._answer(image) for image in images]
        if self._image_seconds:
            time.sleep(self._image_seconds * len(answers))  # the work itself is simulated; nothing is waited for
        return answers

    def check(self) -> None:
        """Find nothing wrong."""

    def _answer(self, image: bytes) -> Prediction:
        assert image
        number = next(self._number)
        said = number % len(LABELS)
        probabilities = tuple(0.88 if label == said else 0.02 for label in range(len(LABELS)))
        outcome = Outcome.ANSWERED if number % 10 else Outcome.UNCERTAIN
        return Prediction(probabilities, outcome, decode_seconds=0.004, inference_seconds=0.0131)


@dataclass(frozen=True)
class Used:
    """What a piece of work took.

    Attributes:
        seconds: By the clock.
        redis_seconds: Processor time of Redis.
        own_seconds: Processor time of this process.
    """

    jobs: int
    seconds: float
    redis_seconds: float
    own_seconds: float

    @property
    def job_seconds(self) -> float:
        """Processor time a job: what can be compared on a machine that does other work too."""
        return (self.redis_seconds + self.own_seconds) / self.jobs


class Rig:
    """One Redis, one storage, and who submits and works."""

    def __init__(self, folder: Path) -> None:
        (folder / "redis").mkdir(parents=True)
        self.redis = RedisServer(folder / "redis", free_port())
        self.redis.start()
        self.settings: Settings = web_settings(redis_url=self.redis.url, folder=folder)
        self.client: Any = connect(self.settings.effective_job_store_url, timeout_seconds=30, max_connections=4)
        self.services = build_services(self.settings)
        self.store = self.services.store
        self.store.register_labels(VERSION, LABELS)
        self._image = encode_image(width=32, height=32)
        retries = RetryPolicy(self.settings.max_attempts, self.settings.retry_backoff_seconds)
        self._work = ChunkWork(self.store, self.services.storage, StandIn(), retries)

    def make_batch(self) -> str:
        """Make an empty batch; give its id."""
        batch = self.services.batches.create(
            new_job_id(), name="scale", life_seconds=self.settings.batch_life_seconds, webhook_url=""
        )
        return batch.id

    def submit(self, batch_id: str, jobs: int) -> Used:
        """Send tiny photographs to a batch in portions, as web takes them from requests."""
        with self._measured(jobs) as used:
            for first in range(0, jobs, PORTION):
                numbers = range(first, min(first + PORTION, jobs))
                uploads = [Upload(self._image, f"photo_{number:07}.jpg") for number in numbers]
                addition = self.services.batch_submissions.add(batch_id, uploads)
                assert len(addition.accepted) == len(uploads)
        return used[0]

    def work(self, jobs: int) -> Used:
        """Claim, read, answer and finish so many waiting jobs, as one worker does."""
        with self._measured(jobs) as used:
            done = 0
            while done < jobs:
                limits = _LIMITS | {QueueName.BULK: min(CHUNK, jobs - done)}
                claims = self.store.claim(limits, lease_seconds=self.settings.lease_seconds)
                assert claims
                assert self._work.run(claims)
                done += len(claims)
        return used[0]

    def empty(self) -> None:
        """Forget every job and its image; the folders of images stay."""
        self.client.flushall()
        self.store.register_labels(VERSION, LABELS)
        for path in (self.settings.data_dir / "storage").rglob("*"):
            if path.is_file():
                path.unlink()

    def memory(self) -> int:
        """Bytes that Redis uses, without what goes by itself within a minute: the answers of claims."""
        if tokens := list(self.client.scan_iter("dentiq:claim:*", count=10_000)):
            self.client.delete(*tokens)
        info = self.client.info("memory")
        return int(info["used_memory"]) - int(info["mem_aof_buffer"])

    def redis_seconds(self) -> float:
        """Processor time of Redis's one working thread so far."""
        info = self.client.info("cpu")
        # Where Redis tells threads apart: others flush the file, on another core.
        return float(info.get("used_cpu_user_main_thread", info["used_cpu_user"])) + float(
            info.get("used_cpu_sys_main_thread", info["used_cpu_sys"])
        )

    def close(self) -> None:
        """Close every connection, then stop Redis."""
        publisher = self.services.batch_submissions.publisher
        publisher._celery.close()
        for held in vars(publisher).values():
            if isinstance(held, redis.Redis):
                held.close()
        self.store._redis.close()
        self.client.close()
        self.redis.stop()

    @contextmanager
    def _measured(self, jobs: int) -> Iterator[list[Used]]:
        """Give a list in which the measurement lies once the block is left."""
        used: list[Used] = []
        began, redis_began, own_began = time.perf_counter(), self.redis_seconds(), time.process_time()
        yield used
        used.append(
            Used(
                jobs,
                time.perf_counter() - began,
                self.redis_seconds() - redis_began,
                time.process_time() - own_began,
            )
        )
