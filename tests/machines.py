"""Web, a worker and beat as on machines of their own: they share Redis and an object store, and no folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from common.jobs.record import Job, NewJob, new_job_ids
from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister
from common.queues import QueueName
from common.redis_client import connect
from common.remote_models import RemoteModelStore
from common.settings import Settings
from common.storage import Storage, image_key
from tests.chaos.link import Link
from tests.fixtures.redis import RedisServer
from tests.fixtures.s3 import Bucket
from tests.waiting import wait_until
from tests.web_server import WebServer, web_settings

ROOT = Path(__file__).resolve().parents[1]
QUEUES = "maintenance,interactive,bulk"


class Machines:
    """The parts, each in a folder of its own; what they ask of the object store goes through a link.

    Attributes:
        link: To be cut.
        storage: The images, past the link.
        models: The model store as its operator sees it, past the link.
    """

    def __init__(self, folder: Path, *, redis_server: RedisServer, bucket: Bucket, link: Link) -> None:
        self.bucket, self.link, self.folder = bucket, link, folder
        self.environment = bucket.environment | {
            "DENTIQ_S3_ENDPOINT_URL": f"http://127.0.0.1:{link.port}",
            "DENTIQ_S3_TIMEOUT_SECONDS": "3",
            "DENTIQ_STORAGE_URL": f"{bucket.url}/images",
            "DENTIQ_MODEL_STORE_URL": f"{bucket.url}/models",
            "DENTIQ_REDIS_URL": redis_server.url,
            "DENTIQ_REDIS_MAX_CONNECTIONS": "8",
            "DENTIQ_SWEEP_INTERVAL_SECONDS": "0.5",
            # More than a loaded machine takes from the announcement of an upload to its job.
            "DENTIQ_UPLOAD_GRACE_SECONDS": "10",
            "DENTIQ_WORKER_METRICS_PORT": "0",
        }
        settings = Settings.from_env(self.environment)
        self.client = connect(settings.effective_job_store_url, timeout_seconds=5, max_connections=4)
        self.store, self.register = JobStore(self.client), WorkerRegister(self.client)
        self.storage = Storage(settings.effective_storage_url, fsync=False, s3=bucket.access())
        self.models = RemoteModelStore(settings.model_store_url, bucket.access(), root=folder / "operator")
        self.web = WebServer(
            web_settings(redis_url=redis_server.url, folder=folder / "web").model_copy(update={"web_processes": 1}),
            self.environment,
        )
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start all parts and wait until an image is taken and answered."""
        self._celery("worker", "--pool", "prefork", "--concurrency", "1", "--without-mingle", "-Q", QUEUES)
        self._celery("beat")
        self.web.start()
        wait_until(self.register.alive, 90, what=f"a worker with a model; see {self.folder}/worker/log")

    def _celery(self, part: str, *arguments: str) -> None:
        folder = self.folder / part
        folder.mkdir()
        plain = {name: value for name, value in os.environ.items() if not name.startswith("DENTIQ_")}
        environment = plain | self.environment | {"DENTIQ_DATA_DIR": str(folder / "var"), "PYTHONPATH": str(ROOT)}
        with (folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "celery", "-A", "worker.app:app", part, *arguments]
            self._processes.append(
                subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
            )

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Ask web."""
        return httpx.request(method, f"{self.web.url}{path}", timeout=60, **arguments)

    def submit(self, *images: bytes) -> list[str]:
        """Store images and make their jobs, as web does."""
        ids = new_job_ids(len(images))
        self.store.announce_uploads(ids, grace_seconds=60)
        self.storage.put_new({image_key(job_id): image for job_id, image in zip(ids, images, strict=True)})
        self.store.create([NewJob(job_id, QueueName.BULK, "a.jpg") for job_id in ids])
        return ids

    def ended(self, ids: list[str]) -> list[Job]:
        """Wait for the end of jobs and return them."""

        def all_ended() -> list[Job]:
            jobs = [job for job in self.store.read_many(ids) if job is not None]
            return jobs if len(jobs) == len(ids) and all(job.status.is_terminal for job in jobs) else []

        return wait_until(all_ended, 90, what="the end of all jobs")

    def versions(self) -> set[str]:
        """What the workers hold."""
        return {worker.model_version for worker in self.register.alive()}

    def stop(self) -> None:
        """End all parts."""
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.web.stop()
        self.client.close()
