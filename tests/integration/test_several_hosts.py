"""Web, stores and workers on hosts of their own, which share no disk; workers are cut off, killed and added."""

import csv
import io
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister
from common.manifest import MANIFEST_NAME
from common.model_store import ModelStore
from common.redis_client import connect
from infra.local.redis_server import find_redis_server, redis_configuration
from tests.fixtures.images import encode_image
from tests.scale.hosts import Host, Network, network
from tests.scale.rig import LABELS, VERSION
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
JOBS = 1000
_PORTION = 50
_CHUNK = 25
_LEASE_SECONDS = 2.0


class Cluster:
    """The platform on hosts: one with Redis and the object store, one with web, one with beat, one for each worker."""

    def __init__(self, net: Network) -> None:
        self.net = net
        stores = net.add("stores")
        self._environment = {
            "DENTIQ_REDIS_URL": f"redis://{stores.address}:6379/0",
            "DENTIQ_REDIS_TIMEOUT_SECONDS": "1",
            "DENTIQ_STORAGE_URL": "s3://images",
            "DENTIQ_S3_ENDPOINT_URL": f"http://{stores.address}:9000",
            "DENTIQ_S3_REGION": "us-east-1",
            "DENTIQ_S3_ACCESS_KEY_ID": "tester",
            "DENTIQ_S3_SECRET_ACCESS_KEY": "secret",
            "DENTIQ_LEASE_SECONDS": str(_LEASE_SECONDS),
            "DENTIQ_SWEEP_INTERVAL_SECONDS": "0.5",
            # Chunks of a second, however busy the machine is: whoever is cut off or killed holds one.
            "DENTIQ_BULK_CHUNK_SIZE": str(_CHUNK),
            "DENTIQ_BULK_CHUNK_SECONDS": "60",
        }
        self._start_stores(stores)
        self._client = connect(f"redis://{stores.address}:6379/1", timeout_seconds=5, max_connections=4)
        self.store, self.register = JobStore(self._client), WorkerRegister(self._client)
        self._start(
            net.add("web"),
            ["gunicorn", "-c", "python:infra.gunicorn_conf"],
            DENTIQ_WEB_BIND="0.0.0.0",
            DENTIQ_OPEN_WITHOUT_KEYS="true",
            DENTIQ_WEB_PROCESSES="1",
        )
        self._start(net.add("beat"), ["celery", "-A", "tests.scale.stand_in_worker:app", "beat", "--pidfile="])
        self.http = httpx.Client(base_url=f"http://{net.hosts['web'].address}:5000", timeout=30)
        wait_until(self._web_answers, 60, what="web")

    def add_worker(self, name: str) -> Host:
        """Start a worker of one process on a host of its own."""
        command = (
            "worker --pool prefork --concurrency 1 --without-mingle --without-gossip -Q maintenance,interactive,bulk"
        )
        host = self.net.add(name)
        self._start(
            host, ["celery", "-A", "tests.scale.stand_in_worker:app", *command.split(), f"--hostname={name}@%h"]
        )
        return host

    def ended(self, batch: str) -> int:
        counts = self.http.get(f"{batch}").json()["counts"]
        return int(counts["succeeded"] + counts["failed"] + counts["cancelled"])

    def submit(self) -> str:
        """Send all images as a batch; give its address."""
        made = self.http.post("/api/v1/batches", json={"name": "hosts"})
        made.raise_for_status()
        batch = str(made.headers["Location"])
        image = encode_image(width=32, height=32)
        for first in range(0, JOBS, _PORTION):
            files = [("images", (f"{number:04}.jpg", image)) for number in range(first, first + _PORTION)]
            answer = self.http.post(f"{batch}/images", files=files)
            assert answer.status_code == 202, answer.text
            assert len(answer.json()["accepted"]) == _PORTION
        return batch

    def table(self, batch: str) -> list[dict[str, str]]:
        """The batch's results."""
        return list(csv.DictReader(io.StringIO(self.http.get(f"{batch}/results.csv").text)))

    def close(self) -> None:
        """Close the test's own connections; the network ends the programs."""
        self.http.close()
        self._client.close()

    def _start_stores(self, stores: Host) -> None:
        lines = redis_configuration(port=6379, folder=stores.folder) + "bind 0.0.0.0\nprotected-mode no\n"
        (stores.folder / "redis.conf").write_text(lines, encoding="utf-8")
        stores.run([str(find_redis_server()), "redis.conf"], cwd=stores.folder, environment=_plain())
        moto = [sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", "9000"]
        stores.run(moto, cwd=stores.folder, environment=_plain())
        bucket = f"http://{stores.address}:9000/images"

        def made() -> bool:
            try:
                return httpx.put(bucket, timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        wait_until(made, 60, what="the object store")

    def _start(self, host: Host, words: list[str], **more: str) -> None:
        # Folders of its own for everything that it reads and writes; the code is what an image would carry.
        models = ModelStore(host.folder / "models")
        (host.folder / "models" / VERSION).mkdir(parents=True)
        (host.folder / "models" / VERSION / MANIFEST_NAME).touch()
        models.set_current(VERSION)
        own = {
            "DENTIQ_DATA_DIR": str(host.folder / "data"),
            "DENTIQ_MODEL_STORE_DIR": str(host.folder / "models"),
            "PYTHONPATH": str(ROOT),
        }
        host.run([sys.executable, "-m", *words], cwd=host.folder, environment=_plain() | self._environment | own | more)

    def _web_answers(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False


def _plain() -> dict[str, str]:
    ours = ("DENTIQ_", "PROMETHEUS_", "PORT")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with network(tmp_path / "hosts") as net, closing(Cluster(net)) as made:
        yield made


@pytest.mark.timeout(300)
def test_a_thousand_jobs_end_once_each_while_workers_are_cut_off_killed_and_added(cluster: Cluster) -> None:
    # All of it waits before anybody works: however slow this machine is, there is enough to do for what follows.
    batch = cluster.submit()
    first, second, _ = (cluster.add_worker(f"worker{number}") for number in (1, 2, 3))

    def hold_chunks(workers: int) -> None:
        wait_until(lambda: cluster.store.running() > (workers - 1) * _CHUNK, 120, what=f"{workers} workers at work")

    hold_chunks(3)
    first.cut()
    wait_until(lambda: cluster.store.counts().get("lease_expired", 0), 60, what="the jobs of the one that was cut off")
    hold_chunks(2)
    second.kill()
    cluster.add_worker("worker4")
    wait_until(lambda: cluster.ended(batch) == JOBS, 120, what="all results")

    first.join()
    # The one that was cut off comes back with what it had in hand; others have done that.
    wait_until(lambda: len(cluster.register.alive()) == 3, 60, what="the worker that was cut off")
    rows = cluster.table(batch)
    assert Counter(row["file"] for row in rows) == Counter(f"{number:04}.jpg" for number in range(JOBS))
    assert {row["status"] for row in rows} == {"succeeded"}
    counts = cluster.store.counts()
    assert counts["submitted"] == counts["succeeded"] == JOBS
    assert sum(counts[f"label {VERSION} {label}"] for label in LABELS) == JOBS
    for name in ("web", "worker3", "worker4"):
        assert not (cluster.net.hosts[name].folder / "data" / "storage").exists()
