"""A web process that stands still for longer than an image is kept for it: its sender hears so, and no job is lost."""

import io
from collections.abc import Callable, Iterator, Mapping

import pytest

from common.jobs.batches import BatchStore
from common.jobs.store import JobStore
from common.redis_client import connect
from common.settings import Settings
from common.storage import Storage
from tests.chaos.raw_store import bring_erasures_forward
from tests.fake_worker import FakeWorker
from tests.unit.web.conftest import Api
from web.app_factory import create_app
from worker.sweeper import Sweeper, SweepRules

MakeImage = Callable[..., bytes]


@pytest.fixture
def sweep(settings: Settings) -> Iterator[Callable[[], None]]:
    """Erase what is due, as a worker's sweep does."""
    with connect(settings.effective_job_store_url, timeout_seconds=2, max_connections=2) as client:
        storage = Storage(settings.effective_storage_url, fsync=False)
        yield Sweeper(JobStore(client), BatchStore(client), storage, SweepRules(3, 24, {})).erase


@pytest.fixture
def left_by_sweep(
    settings: Settings, sweep: Callable[[], None], stored_files: Callable[[], list[str]]
) -> Callable[[], list[str]]:
    """Names of the files in the storage after a minute and one more sweep."""

    def left() -> list[str]:
        with connect(settings.effective_job_store_url, timeout_seconds=2, max_connections=2) as client:
            bring_erasures_forward(client)
        sweep()
        return stored_files()

    return left


@pytest.fixture(params=["before", "after"])
def slow_app(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    sweep: Callable[[], None],
) -> Api:
    """A web that stands still before or after it stored an image, while its announcement ends and a sweep comes."""

    class SweptStorage(Storage):
        def _put(self, objects: Mapping[str, bytes], *, new: bool) -> None:
            if request.param == "before":
                sweep()
            super()._put(objects, new=new)
            if request.param == "after":
                sweep()

    with monkeypatch.context() as patch:
        patch.setattr("web.services.Storage", SweptStorage)
        slow = create_app(settings.model_copy(update={"upload_grace_seconds": 0}))
    return Api(slow.test_client())


def test_a_photo_that_was_erased_before_its_job_was_made_is_refused_and_can_be_sent_again(
    slow_app: Api, api: Api, worker: FakeWorker, left_by_sweep: Callable[[], list[str]], make_image: MakeImage
) -> None:
    refused = slow_app.submit(make_image(), Idempotency_Key="k")
    assert (refused.status_code, refused.get_json()["code"]) == (503, "unavailable")
    assert "Retry-After" in refused.headers
    assert worker.claim() == []
    assert left_by_sweep() == []
    job = api.accepted(make_image(), Idempotency_Key="k")
    assert [claim.job_id for claim in worker.claim()] == [job["id"]]


def test_photos_of_a_batch_that_were_erased_before_their_jobs_were_made_are_refused_together(
    slow_app: Api, api: Api, worker: FakeWorker, left_by_sweep: Callable[[], list[str]], make_image: MakeImage
) -> None:
    address = api.client.post("/api/v1/batches", json={"name": "Monday"}).headers["Location"]

    def add(client: Api) -> int:
        files = [(io.BytesIO(make_image(width=64 + number)), f"{number}.png") for number in range(2)]
        sent = client.client.post(f"{address}/images", data={"images": files}, headers={"Idempotency-Key": "k"})
        return sent.status_code

    assert add(slow_app) == 503
    assert api.client.get(address).get_json()["total"] == 0
    assert left_by_sweep() == []
    assert add(api) == 202
    assert len(worker.claim()) == 2
