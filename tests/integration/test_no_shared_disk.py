"""Web and workers on machines of their own, over a real S3 API: nothing but Redis and a bucket between them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.jobs.record import JobStatus
from common.model_store import ModelStore
from common.storage import image_key
from tests.chaos.link import Line, Link
from tests.fixtures.images import encode_image
from tests.fixtures.redis import RedisServer, free_port
from tests.fixtures.s3 import ObjectStore
from tests.machines import ROOT, Machines
from tests.waiting import wait_until

_SOURCE = ModelStore(ROOT / "model_store")


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore) -> Iterator[Machines]:
    redis_server = RedisServer(tmp_path_factory.mktemp("redis"), free_port())
    redis_server.start()
    link = Link(free_port(), object_store.port)
    made = Machines(
        tmp_path_factory.mktemp("machines"), redis_server=redis_server, bucket=object_store.make_bucket(), link=link
    )
    try:
        made.models.publish(_SOURCE.folder(_SOURCE.current()))
        made.models.set_current(_SOURCE.current())
        made.start()
        yield made
    finally:
        made.stop()
        link.close()
        redis_server.stop()


def images_in(machines: Machines) -> list[str]:
    return [key for key in machines.bucket.names() if key.startswith("kept/images/")]


def test_photos_that_web_took_are_answered_previewed_and_erased(machines: Machines) -> None:
    sent = [("images", (f"{number}.jpg", encode_image(width=80 + number))) for number in range(40)]
    batch = machines.call("POST", "/api/v1/batches", json={"name": "over there"}).json()
    added = machines.call("POST", f"/api/v1/batches/{batch['id']}/images", files=sent)
    assert added.status_code == 202, added.text
    ids = [job["id"] for job in added.json()["accepted"]]
    assert {job.status for job in machines.ended(ids)} == {JobStatus.SUCCEEDED}
    preview = machines.call("GET", f"/api/v1/jobs/{ids[0]}/preview")
    assert preview.headers["Content-Type"] == "image/jpeg"
    assert len(images_in(machines)) == 41
    assert machines.call("DELETE", f"/api/v1/batches/{batch['id']}").status_code in {200, 202, 204}
    wait_until(lambda: images_in(machines) == [], 60, what="the end of every image and preview")
    assert not any("list-type" in request for request in machines.bucket.requests() if "images" in request)
    for part in ("web", "worker", "beat"):
        assert not list((machines.folder / part).rglob("storage"))


def test_images_that_were_lost_or_are_refused_fail_their_jobs_alone(machines: Machines) -> None:
    machines.link.set(Line.CUT, reset=True)
    ids = machines.submit(*[encode_image(width=70 + number) for number in range(4)])
    machines.bucket.remove(f"kept/images/{image_key(ids[0])}")
    machines.bucket.forbid(f"kept/images/{image_key(ids[1])}")
    machines.link.set(Line.OPEN)
    lost, refused, *kept = machines.ended(ids)
    assert {job.status for job in kept} == {JobStatus.SUCCEEDED}
    for job, code in ((lost, "stored_image_missing"), (refused, "storage_unavailable")):
        assert job.status is JobStatus.FAILED
        assert job.error is not None
        assert job.error.code == code


def test_an_outage_of_the_object_store_is_told_by_web_and_costs_no_job(machines: Machines) -> None:
    machines.link.set(Line.CUT, reset=True)
    answer = machines.call("POST", "/api/v1/jobs", files={"image": ("a.jpg", encode_image())})
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unreachable")
    assert int(answer.headers["Retry-After"]) > 0
    log = machines.folder / "worker" / "log"
    before = log.stat().st_size
    ids = machines.submit(*[encode_image(width=60 + number) for number in range(12)])
    wait_until(lambda: b"storage is out of reach" in log.read_bytes()[before:], 60, what="a worker that claims no more")
    assert {job.status for job in machines.store.read_many(ids) if job} == {JobStatus.QUEUED}
    machines.link.set(Line.OPEN)
    assert {job.status for job in machines.ended(ids)} == {JobStatus.SUCCEEDED}
    counts = machines.store.counts()
    assert counts.get("error poison", 0) == counts.get("error storage_unreachable", 0) == 0


_DIES = """
import os, signal, sys
from common.jobs.store import JobStore
from common.settings import Settings
from web.app_factory import create_app
JobStore.create = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
client = create_app(Settings.from_env()).test_client()
client.post("/api/v1/jobs", data=sys.stdin.buffer.read(), content_type="image/jpeg")
"""


def test_an_image_whose_web_process_dies_before_the_record_is_swept(machines: Machines, tmp_path: Path) -> None:
    environment = {**os.environ, **machines.environment, "DENTIQ_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    died = subprocess.run(
        [sys.executable, "-c", _DIES], input=encode_image(width=99), env=environment, capture_output=True, check=False
    )
    assert died.returncode == -9, died.stderr[-2000:]
    announced = machines.client.zcard("dentiq:erasures")
    assert announced or images_in(machines) == []
    wait_until(lambda: machines.client.zcard("dentiq:erasures") == 0, 60, what="a sweep after the grace")
    owned = {job_id for hour in machines.client.keys("dentiq:hour:*") for job_id in machines.client.lrange(hour, 0, -1)}
    assert [key for key in images_in(machines) if key.rpartition("/")[2].partition(".")[0] not in owned] == []


def test_a_promotion_and_a_rollback_reach_workers_without_a_shared_folder(machines: Machines, tmp_path: Path) -> None:
    first = machines.models.current()
    second = tmp_path / "the-second"
    shutil.copytree(_SOURCE.folder(first), second)
    manifest = json.loads((second / "manifest.json").read_text(encoding="utf-8"))
    (second / "manifest.json").write_text(json.dumps(manifest | {"version": second.name}), encoding="utf-8")
    machines.models.publish(second)
    for version, promote in ((second.name, second.name), (first, None)):
        machines.models.set_current(promote or machines.models.previous())
        wait_until(lambda version=version: machines.versions() == {version}, 60, what=f"{version} in every worker")
        (job,) = machines.ended(machines.submit(encode_image(width=77)))
        assert job.model_version == version
    card = machines.call("GET", f"/model/{second.name}")
    assert card.status_code == 200


def test_fifty_requests_at_one_time_are_answered_over_a_bounded_pool(machines: Machines) -> None:
    (job_id,) = machines.submit(encode_image(width=55))
    machines.ended([job_id])
    seen: list[int] = []

    def ask(_: int) -> int:
        status = machines.call("GET", f"/api/v1/jobs/{job_id}").status_code
        seen.append(sum(int(client["db"]) == 1 for client in machines.client.client_list()))
        return status

    with ThreadPoolExecutor(50) as threads:
        assert set(threads.map(ask, range(60))) == {200}
    # Web: 8 for jobs and 16 that count requests, one a thread. Worker 4; beat 1; this test 4.
    assert max(seen) <= 8 + 16 + 4 + 1 + 4
