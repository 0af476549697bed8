"""A worker and a beat of the test's own on a Redis of its own, to be hit as hard as the test likes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.jobs.record import Job, JobStatus, NewJob, new_job_id
from common.jobs.workers import WorkerRegister
from common.manifest import MANIFEST_NAME
from common.model_store import ModelStore
from common.queues import QueueName
from common.redis_client import connect
from common.settings import Settings
from common.storage import Storage, image_key
from tests.announcing_store import AnnouncingStore
from tests.faults import BUGGY_VERSION, DAMAGED_VERSION, OPPOSITE_VERSION
from tests.tied import tied
from tests.waiting import wait_until
from tests.webhook_receiver import SECRET

_LEASE_SECONDS = 1.0


class FaultBench:
    """Redis, one worker of two pool processes, beat; and what a test does to them.

    Args:
        redis_server: A running one of the test's own.
        folder: Of everything that they write.
        variables: Of their environment, beside or in the place of the usual ones.
    """

    def __init__(self, redis_server: Any, folder: Path, **variables: str) -> None:
        self.redis_server = redis_server
        self._environment = {
            "DENTIQ_REDIS_URL": redis_server.url,
            "DENTIQ_DATA_DIR": str(folder),
            "DENTIQ_MODEL_STORE_DIR": str(folder / "models"),
            "DENTIQ_LEASE_SECONDS": str(_LEASE_SECONDS),
            "DENTIQ_SWEEP_INTERVAL_SECONDS": "0.2",
            "DENTIQ_BULK_CHUNK_SIZE": "25",
            "DENTIQ_BULK_CHUNK_SECONDS": "60",  # chunks of 25, however slow the images
            "DENTIQ_WEBHOOK_SECRET": SECRET,
            "DENTIQ_WEBHOOK_ALLOW_PRIVATE": "true",
        } | variables
        settings = Settings.from_env(self._environment)
        self.models = _model_store(settings.model_store_dir)
        self.client = connect(settings.effective_job_store_url, timeout_seconds=2, max_connections=8)
        self.broker = connect(redis_server.url, timeout_seconds=2, max_connections=2)
        self.store = AnnouncingStore(self.client)
        self.register = WorkerRegister(self.client)
        self.storage = Storage(settings.effective_storage_url, fsync=False)
        self._log = (folder / "celery.log").open("ab")
        self._processes: list[subprocess.Popen[bytes]] = []
        self.worker = self.start_worker()
        self.beat = self.start_beat()

    def _celery(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "tests.fault_worker:app", *arguments]
        process = subprocess.Popen(
            tied(*command),
            env=os.environ | self._environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def start_beat(self) -> subprocess.Popen[bytes]:
        return self._celery("beat")

    def start_worker(self) -> subprocess.Popen[bytes]:
        queues = "maintenance,interactive,bulk"
        process = self._celery("worker", "--pool", "prefork", "--concurrency", "2", "--without-mingle", "-Q", queues)
        wait_until(lambda: len(self.register.alive()) == 2, 40, what="two pool processes with a model")
        return process

    def submit(self, *images: bytes, queue: QueueName = QueueName.BULK) -> list[str]:
        jobs = [NewJob(new_job_id(), queue, f"{number}.jpg") for number in range(len(images))]
        for job, image in zip(jobs, images, strict=True):
            self.storage.put(image_key(job.id), image)
        self.store.create(jobs)  # the sweeper sends the hints: nobody else does here
        return [job.id for job in jobs]

    def log_text(self) -> str:
        return Path(self._log.name).read_text(encoding="utf-8")

    def looks_of_beat(self) -> int:
        """How often beat has looked whether sweeps wait; nobody else asks for a list's length meanwhile."""
        return int(self.broker.info("commandstats")["cmdstat_llen"]["calls"])

    def pool_pids(self) -> list[int]:
        return [int(worker.name.rpartition(":")[2]) for worker in self.register.alive()]

    def ended(self, ids: list[str]) -> list[Job]:
        """Wait for the end of jobs and return them."""

        def all_ended() -> list[Job]:
            jobs = [self.store.get(job_id) for job_id in ids]
            return jobs if all(job.status.is_terminal for job in jobs) else []

        return wait_until(all_ended, 60, what="the end of all jobs")

    def assert_each_succeeded_once(self, ids: list[str]) -> None:
        jobs = self.ended(ids)
        assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
        counts = self.store.counts()
        assert counts["succeeded"] == counts["submitted"] == len(ids)
        assert counts["label fault caries"] + counts.get("label fault healthy", 0) == len(ids)

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._log.close()
        self.client.close()
        self.broker.close()


def _model_store(root: Path) -> ModelStore:
    """Make a store of versions that only the stand-in can load."""
    for version in ("fault", "fault-2", DAMAGED_VERSION, BUGGY_VERSION, OPPOSITE_VERSION):
        (root / version).mkdir(parents=True)
        (root / version / MANIFEST_NAME).touch()
    store = ModelStore(root)
    store.set_current("fault")
    return store


@pytest.fixture
def bench(make_redis: Callable[[], Any], tmp_path: Path) -> Iterator[FaultBench]:
    made = FaultBench(make_redis(), tmp_path)
    yield made
    made.close()
