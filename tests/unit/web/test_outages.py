"""When Redis, the storage or every worker is away: clear answers, and nothing half-accepted."""

import io
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import pytest
import redis
from flask.testing import FlaskClient

from common.errors import StorageFullError, UnsafeRedisError
from common.queues import QueueName
from common.settings import Settings
from common.storage import Storage
from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer, free_port
from tests.unit.web.conftest import Api
from web.app_factory import create_app
from web.publisher import Publisher

MakeImage = Callable[..., bytes]
Stored = Callable[[], list[str]]


@pytest.fixture
def cut_off(settings: Settings) -> Settings:
    """Settings of a Redis that does not answer."""
    return settings.model_copy(
        update={
            "redis_url": type(settings.redis_url)(f"redis://127.0.0.1:{free_port()}/0"),
            "redis_timeout_seconds": 0.5,
        }
    )


def test_with_redis_down_the_start_succeeds_and_an_upload_is_refused_whole(
    cut_off: Settings, make_image: MakeImage, stored_files: Stored
) -> None:
    api = Api(create_app(cut_off).test_client())
    response = api.submit(make_image())
    assert (response.status_code, response.get_json()["code"]) == (503, "job_store_unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert stored_files() == []


def test_with_redis_down_the_page_says_so(cut_off: Settings, make_image: MakeImage) -> None:
    client = create_app(cut_off).test_client()
    assert client.get("/").status_code == 200
    response = client.post("/", data={"image": (io.BytesIO(make_image()), "a.jpg")}, headers={"Accept-Language": "fr"})
    assert response.status_code == 503
    assert "une photo envoyée à l’instant est peut-être arrivée" in response.get_data(as_text=True)


def test_with_redis_down_readiness_is_red_and_health_green(cut_off: Settings) -> None:
    client = create_app(cut_off).test_client()
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["code"]) == (503, "not_ready")
    assert "Redis does not answer" in response.get_json()["missing"][0]
    assert "dentiq_job_store_up 0.0" in client.get("/metrics").get_data(as_text=True)


def test_no_answer_of_an_outage_names_hosts_ports_or_folders(
    cut_off: Settings, settings: Settings, worker: FakeWorker, make_image: MakeImage
) -> None:
    broken = settings.data_dir / "storage"
    broken.parent.mkdir(parents=True)
    broken.write_text("a file where the folder should be")
    internals = [urlsplit(cut_off.redis_url.get_secret_value()).netloc, "127.0.0.1", str(settings.data_dir), "Errno"]
    for own in (cut_off, settings):
        client = create_app(own).test_client()
        answers = [client.get(path) for path in ("/readyz", "/jobs/x", "/api/v1/jobs/x", "/api/v1/models")]
        answers += [
            client.post("/", data={"image": (io.BytesIO(make_image()), "a.jpg")}),
            Api(client).submit(make_image()),
        ]
        told = "\n".join(answer.get_data(as_text=True) for answer in answers)
        assert [word for word in internals if word in told] == []


def test_redis_that_comes_back_is_used_without_a_restart(
    make_redis: Callable[[], RedisServer], settings: Settings, make_image: MakeImage
) -> None:
    server = make_redis()
    own = settings.model_copy(update={"redis_url": type(settings.redis_url)(server.url)})
    api = Api(create_app(own).test_client())
    api.accepted(make_image())
    server.kill()
    assert api.submit(make_image()).status_code == 503
    server.start()
    assert api.accepted(make_image())["position"] == 2


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["program", "page"])
def test_redis_that_dies_once_a_job_is_made_costs_its_sender_no_answer(
    monkeypatch: pytest.MonkeyPatch,
    make_redis: Callable[[], RedisServer],
    settings: Settings,
    make_image: MakeImage,
    headers: dict[str, str],
) -> None:
    server = make_redis()

    class DeadlyPublisher(Publisher):
        """Publishing follows the commit: here Redis dies in between."""

        def publish(self, queue: QueueName) -> bool:
            server.kill()
            return super().publish(queue)

    monkeypatch.setattr("web.services.Publisher", DeadlyPublisher)
    own = settings.model_copy(update={"redis_url": type(settings.redis_url)(server.url)})
    client = create_app(own).test_client()
    if headers:
        answer = client.post("/", data={"image": (io.BytesIO(make_image()), "a.jpg")}, headers=headers)
        assert (answer.status_code, "Waiting: place 1" in answer.get_data(as_text=True)) == (200, True)
        address = answer.headers["HX-Push-Url"].replace("/jobs/", "/api/v1/jobs/")
    else:
        answer = Api(client).submit(make_image())
        assert answer.status_code == 202
        address = answer.headers["Location"]
    server.start()
    job = client.get(address).get_json()
    assert (job["status"], job["position"]) == ("queued", 1)
    assert headers or job == answer.get_json()


@pytest.mark.parametrize(
    ("setting", "value", "advice"),
    [("appendonly", "no", "appendonly yes"), ("maxmemory-policy", "allkeys-lru", "maxmemory-policy noeviction")],
)
def test_a_redis_that_would_drop_jobs_is_refused_at_the_start(
    make_redis: Callable[[], RedisServer], settings: Settings, setting: str, value: str, advice: str
) -> None:
    server = make_redis()
    with redis.Redis.from_url(server.url) as client:
        client.config_set(setting, value)
    own = settings.model_copy(update={"redis_url": type(settings.redis_url)(server.url)})
    with pytest.raises(UnsafeRedisError, match=advice):
        create_app(own)


def test_a_copy_that_would_drop_jobs_takes_none_once_it_is_the_master(
    make_redis: Callable[[], RedisServer], settings: Settings, make_image: MakeImage, stored_files: Stored
) -> None:
    server = make_redis()
    own = settings.model_copy(update={"redis_url": type(settings.redis_url)(server.url)})
    api = Api(create_app(own).test_client())
    api.accepted(make_image())
    server.kill()
    assert api.submit(make_image()).status_code == 503
    server.start()
    kept = len(stored_files())
    with redis.Redis.from_url(server.url) as copy:
        copy.config_set("maxmemory-policy", "allkeys-lru")
        refused = api.submit(make_image())
        assert (refused.status_code, refused.get_json()["code"]) == (503, "unsafe_redis")
        assert int(refused.headers["Retry-After"]) > 0
        # Not even stored: what such a Redis forgets, nobody erases.
        assert len(stored_files()) == kept
        copy.config_set("maxmemory-policy", "noeviction")
    assert api.accepted(make_image())["position"] == 2


class FullStorage(Storage):
    """A storage on a disk without room."""

    def _put(self, objects: Mapping[str, bytes], *, new: bool) -> None:
        del objects, new
        raise StorageFullError("The storage has no room for this image; free some, then send it again.")


def test_a_full_storage_answers_507_and_leaves_no_job(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, worker: FakeWorker, make_image: MakeImage, stored_files: Stored
) -> None:
    monkeypatch.setattr("web.services.Storage", FullStorage)
    client = create_app(settings).test_client()
    response = Api(client).submit(make_image())
    assert (response.status_code, response.get_json()["code"]) == (507, "storage_full")
    assert stored_files() == []
    assert worker.claim() == []
    page = client.post("/", data={"image": (io.BytesIO(make_image()), "a.jpg")})
    assert "no room left" in page.get_data(as_text=True)


def test_a_storage_that_cannot_be_written_is_503(settings: Settings, make_image: MakeImage) -> None:
    blocked = settings.data_dir / "storage"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where the folder should be")
    response = Api(create_app(settings).test_client()).submit(make_image())
    assert (response.status_code, response.get_json()["code"]) == (503, "storage_unavailable")


def test_without_a_worker_the_photo_is_taken_and_the_page_says_that_none_runs(
    client: FlaskClient, api: Api, make_image: MakeImage
) -> None:
    job = api.accepted(make_image())
    assert "No worker is running" in client.get(job["links"]["page"]).get_data(as_text=True)


def test_with_a_worker_the_page_does_not_say_that_none_runs(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    worker.be_alive()
    job = api.accepted(make_image())
    assert "No worker is running" not in client.get(job["links"]["page"]).get_data(as_text=True)


def test_without_a_broker_the_photo_is_taken_all_the_same(
    settings: Settings, redis_url: str, worker: FakeWorker, make_image: MakeImage
) -> None:
    # The job store answers, the broker (another address here) does not: the sweeper will send the hint.
    own = settings.model_copy(
        update={
            "redis_url": type(settings.redis_url)(f"redis://127.0.0.1:{free_port()}/0"),
            "job_store_url": type(settings.redis_url)(redis_url.removesuffix("0") + "1"),
        }
    )
    client = create_app(own).test_client()
    job = Api(client).accepted(make_image())
    assert [claim.job_id for claim in worker.claim()] == [job["id"]]
    assert "dentiq_hints_unsent_total 1.0" in client.get("/metrics").get_data(as_text=True)


def test_a_preview_is_served_even_if_it_cannot_be_kept(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, api: Api, make_image: MakeImage
) -> None:
    job = api.accepted(make_image())
    monkeypatch.setattr("web.services.Storage", FullStorage)
    response = create_app(settings).test_client().get(job["links"]["preview"])
    assert (response.status_code, response.content_type) == (200, "image/jpeg")


def test_a_preview_that_is_made_while_its_job_is_erased_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, client: FlaskClient, api: Api, make_image: MakeImage, stored_files: Stored
) -> None:
    job = api.accepted(make_image())

    def encode_and_erase(data: bytes, *, max_edge: int) -> bytes:
        assert client.delete(job["links"]["self"]).status_code == 204
        return b"preview"

    monkeypatch.setattr("web.previews.encode_preview", encode_and_erase)
    assert client.get(job["links"]["preview"]).status_code == 404
    assert stored_files() == []
