"""Previews under load and faults: few are decoded at one time, and none outlives its job."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask

from common.jobs.batches import BatchStore
from common.settings import Settings
from common.storage import Storage
from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer
from tests.unit.web.conftest import Api
from tests.waiting import wait_until
from web.app_factory import create_app
from worker.sweeper import Sweeper, SweepRules

MakeImage = Callable[..., bytes]
Stored = Callable[[], list[str]]


class SlowDecoder:
    """Stand in for the decoder of a large picture, and count how many work at one time."""

    def __init__(self) -> None:
        self.calls = 0
        self.most_at_once = 0
        self._working = 0
        self._lock = threading.Lock()
        self._work = threading.Event()

    def __call__(self, data: bytes, *, max_edge: int) -> bytes:
        del data, max_edge
        with self._lock:
            self.calls += 1
            self._working += 1
            self.most_at_once = max(self.most_at_once, self._working)
        self._work.wait(0.05)
        with self._lock:
            self._working -= 1
        return b"preview"


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> SlowDecoder:
    decoder = SlowDecoder()
    monkeypatch.setattr("web.previews.encode_preview", decoder)
    return decoder


def ask_together(app: Flask, addresses: list[str]) -> list[int]:
    """Ask for all of them at the same time."""
    statuses: list[int] = []
    askers = [
        threading.Thread(target=lambda address=address: statuses.append(app.test_client().get(address).status_code))
        for address in addresses
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    return statuses


def test_pictures_are_decoded_one_after_the_other(
    app: Flask, api: Api, make_image: MakeImage, decoder: SlowDecoder
) -> None:
    addresses = [api.accepted(make_image(width=64 + number))["links"]["preview"] for number in range(6)]
    assert ask_together(app, addresses) == [200] * 6
    assert (decoder.calls, decoder.most_at_once) == (6, 1)


def test_a_preview_that_many_ask_for_is_made_once(
    app: Flask, api: Api, make_image: MakeImage, decoder: SlowDecoder
) -> None:
    address = api.accepted(make_image())["links"]["preview"]
    assert ask_together(app, [address] * 6) == [200] * 6
    assert decoder.calls == 1


def test_who_would_wait_too_long_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch, app: Flask, api: Api, make_image: MakeImage, decoder: SlowDecoder
) -> None:
    monkeypatch.setattr("web.previews._LONGEST_WAIT_SECONDS", 0.01)
    addresses = [api.accepted(make_image(width=64 + number))["links"]["preview"] for number in range(3)]
    assert sorted(ask_together(app, addresses)) == [200, 503, 503]


def test_a_preview_whose_job_cannot_be_looked_up_again_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
    make_redis: Callable[[], RedisServer],
    settings: Settings,
    make_image: MakeImage,
    stored_files: Stored,
) -> None:
    server = make_redis()

    class DeadlyStorage(Storage):
        """Redis dies while a preview is stored."""

        def put(self, key: str, data: bytes) -> None:
            super().put(key, data)
            if key.startswith("previews/"):
                server.kill()

    monkeypatch.setattr("web.services.Storage", DeadlyStorage)
    own = settings.model_copy(update={"redis_url": type(settings.redis_url)(server.url)})
    client = create_app(own).test_client()
    job = Api(client).accepted(make_image())
    assert client.get(job["links"]["preview"]).status_code == 503
    assert [name.split("/")[0] for name in stored_files()] == ["images"]


class Killed(BaseException):
    """The end of a process, as kill -9 brings it."""


@pytest.mark.parametrize("erased", [True, False])
def test_what_a_dying_process_left_is_erased_with_its_job_alone(
    *,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    worker: FakeWorker,
    api: Api,
    make_image: MakeImage,
    stored_files: Stored,
    erased: bool,
) -> None:
    storage = Storage(settings.effective_storage_url, fsync=False)
    sweeper = Sweeper(worker.store, BatchStore(worker.store._redis), storage, SweepRules(1, 1, chunk_sizes={}))
    job = api.accepted(make_image())

    def encode(data: bytes, *, max_edge: int) -> bytes:
        if erased:
            worker.store.erase(job["id"])
            sweeper.erase()
            assert stored_files() == []
        return b"preview"

    class LastStorage(Storage):
        """The process dies once it has stored a preview."""

        def put(self, key: str, data: bytes) -> None:
            super().put(key, data)
            raise Killed

    monkeypatch.setattr("web.previews.encode_preview", encode)
    monkeypatch.setattr("web.services.Storage", LastStorage)
    app = create_app(settings.model_copy(update={"upload_grace_seconds": 0.001}))
    with pytest.raises(Killed):
        app.test_client().get(job["links"]["preview"])

    def left() -> list[str]:
        sweeper.erase()
        return [name.split("/")[0] for name in stored_files()]

    wait_until(lambda: left() == ([] if erased else ["images", "previews"]), what="the sweep")
    assert worker.store.due_erasures() == []
