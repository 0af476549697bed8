"""Webhooks over HTTP: asked for, refused, defaulted, listed."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from common.errors import ConfigurationError
from common.jobs.deliveries import Attempt, DeliveryState, DeliveryStore
from common.redis_client import connect
from common.settings import Settings
from tests.fake_worker import FakeWorker
from tests.unit.web.conftest import Api
from tests.waiting import wait_until
from tests.webhook_receiver import SECRET
from web.app_factory import create_app

URL = "https://example.com/hook?token=s3cret"


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    return Settings(
        redis_url=redis_url,
        data_dir=tmp_path / "var",
        model_store_dir=tmp_path / "models",
        storage_fsync=False,
        webhook_secret=SecretStr(SECRET),
    )


@pytest.fixture
def deliveries(settings: Settings) -> DeliveryStore:
    return DeliveryStore(connect(settings.effective_job_store_url, timeout_seconds=2, max_connections=2))


@pytest.fixture
def photo(make_image: Callable[..., bytes]) -> bytes:
    return make_image()


def listed(client: FlaskClient, address: str) -> list[dict[str, Any]]:
    answer = client.get(f"{address}/deliveries")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.get_json()["deliveries"]
    return found


def test_a_form_field_names_who_is_told_of_a_job(
    client: FlaskClient, photo: bytes, worker: FakeWorker, deliveries: DeliveryStore
) -> None:
    form = {"image": (io.BytesIO(photo), "a.jpg"), "webhook_url": URL}
    job = client.post("/api/v1/jobs", data=form).get_json()
    assert listed(client, job["links"]["self"]) == []
    worker.succeed(worker.claim())
    (waiting,) = listed(client, job["links"]["self"])
    assert (waiting["state"], waiting["attempts"]) == ("pending", [])
    # What follows the host may be a secret of the receiver's.
    assert waiting["receiver"] == "https://example.com"
    assert waiting["next_attempt_at"] is not None
    claim = deliveries.claim(lease_seconds=60)
    assert claim is not None
    assert claim.url == URL
    deliveries.note(claim, DeliveryState.FAILED, Attempt("2026-01-01T00:00:00Z", 0.5, None, "webhook_timeout", "Late."))
    (failed,) = listed(client, job["links"]["self"])
    assert (failed["state"], failed["next_attempt_at"]) == ("failed", None)
    assert failed["attempts"] == [
        {
            "at": "2026-01-01T00:00:00Z",
            "seconds": 0.5,
            "status_code": None,
            "error": {"code": "webhook_timeout", "message": "Late."},
        }
    ]
    metrics = client.get("/metrics").get_data(as_text=True)
    assert 'dentiq_webhook_attempts_total{state="failed"} 1.0' in metrics
    assert "dentiq_webhooks_pending 0.0" in metrics


def test_so_does_a_query_parameter_beside_a_raw_body(client: FlaskClient, photo: bytes, worker: FakeWorker) -> None:
    job = client.post(
        "/api/v1/jobs", query_string={"webhook_url": URL}, data=photo, content_type="image/jpeg"
    ).get_json()
    worker.succeed(worker.claim())
    assert len(listed(client, job["links"]["self"])) == 1


def test_a_batch_names_it_when_it_is_made(client: FlaskClient, photo: bytes, worker: FakeWorker) -> None:
    batch = client.post("/api/v1/batches", json={"name": "Monday", "webhook_url": URL}).get_json()
    client.post(batch["links"]["images"], data={"images": [(io.BytesIO(photo), "a.jpg")]})
    assert listed(client, batch["links"]["self"]) == []
    worker.fail(worker.claim())
    (waiting,) = listed(client, batch["links"]["self"])
    assert (waiting["state"], waiting["receiver"]) == ("pending", "https://example.com")


@pytest.mark.parametrize("url", ["ftp://example.com", "http://example.com", "https://127.0.0.1/", "nonsense", "\x00"])
def test_an_address_that_cannot_be_told_is_refused_and_nothing_is_stored(
    client: FlaskClient, photo: bytes, stored_files: Callable[[], list[str]], url: str
) -> None:
    form = {"image": (io.BytesIO(photo), "a.jpg"), "webhook_url": url}
    answers = [
        client.post("/api/v1/jobs", data=form),
        client.post("/api/v1/batches", json={"webhook_url": url}),
    ]
    assert [(answer.status_code, answer.get_json()["code"]) for answer in answers] == [(422, "webhook_url_refused")] * 2
    assert stored_files() == []


def test_a_server_without_a_secret_says_that_it_sends_none(redis_url: str, tmp_path: Path, photo: bytes) -> None:
    client = create_app(Settings(redis_url=redis_url, data_dir=tmp_path)).test_client()
    form = {"image": (io.BytesIO(photo), "a.jpg"), "webhook_url": URL}
    answer = client.post("/api/v1/jobs", data=form)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "webhooks_disabled")
    assert client.post("/api/v1/batches", json={"webhook_url": URL}).get_json()["code"] == "webhooks_disabled"


def test_the_server_may_have_a_receiver_of_its_own(
    settings: Settings, photo: bytes, worker: FakeWorker, deliveries: DeliveryStore
) -> None:
    own = settings.model_copy(update={"webhook_url": SecretStr("https://own.example/")})
    api = Api(create_app(own).test_client())
    api.accepted(photo)
    batch = api.client.post("/api/v1/batches", json={}).get_json()
    api.client.post(batch["links"]["images"], data={"images": [(io.BytesIO(photo), "a.jpg")]})
    for _ in range(2):
        worker.succeed(worker.claim())
    claim = deliveries.claim(lease_seconds=60)
    assert claim is not None
    assert claim.url == "https://own.example/"
    assert deliveries.pending() == 2


@pytest.mark.parametrize("wrong", [{"webhook_secret": None}, {"webhook_url": SecretStr("http://own.example")}])
def test_a_receiver_that_could_never_be_told_is_refused_at_the_start(settings: Settings, wrong: dict[str, Any]) -> None:
    sound = {"webhook_url": SecretStr("https://own.example/")}
    with pytest.raises(ConfigurationError, match="DENTIQ_WEBHOOK_URL"):
        create_app(settings.model_copy(update=sound | wrong))


def test_another_receiver_is_another_request_under_the_same_key(client: FlaskClient, photo: bytes) -> None:
    def submit(url: str) -> int:
        form = {"image": (io.BytesIO(photo), "a.jpg"), "webhook_url": url}
        return client.post("/api/v1/jobs", data=form, headers={"Idempotency-Key": "k"}).status_code

    def make(url: str) -> int:
        return client.post("/api/v1/batches", json={"webhook_url": url}, headers={"Idempotency-Key": "k"}).status_code

    assert [submit(URL), submit(URL), submit("https://other.example")] == [202, 202, 422]
    assert [make(URL), make(URL), make("https://other.example")] == [201, 201, 422]


@pytest.mark.parametrize("kind", ["jobs", "batches"])
def test_the_webhooks_of_what_there_is_not_are_not_found(client: FlaskClient, kind: str) -> None:
    answer = client.get(f"/api/v1/{kind}/nosuchthing/deliveries")
    assert answer.status_code == 404


def test_metrics_tell_for_how_long_the_first_webhook_has_been_due_and_what_was_given_up(
    client: FlaskClient, photo: bytes, worker: FakeWorker, deliveries: DeliveryStore
) -> None:
    def shown(series: str) -> float:
        text = client.get("/metrics").get_data(as_text=True)
        (found,) = re.findall(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
        return float(found)

    assert shown("dentiq_webhooks_overdue_seconds") == 0
    for name in ("first.jpg", "second.jpg"):
        client.post("/api/v1/jobs", data={"image": (io.BytesIO(photo), name), "webhook_url": URL})
        worker.succeed(worker.claim())
    wait_until(lambda: shown("dentiq_webhooks_overdue_seconds") > 0.3, 5, what="a webhook that nobody sends")
    assert shown("dentiq_webhooks_overdue_seconds") < 20
    # Neither one that is being sent now nor one that is tried again later is overdue.
    for state, wait_seconds in ((DeliveryState.PENDING, 60), (DeliveryState.FAILED, 0)):
        claim = deliveries.claim(lease_seconds=60)
        assert claim is not None
        deliveries.note(claim, state, Attempt("2026-11-23T05:00:00Z", 0.1, 500), wait_seconds=wait_seconds)
    assert shown("dentiq_webhooks_pending") == 1
    assert shown("dentiq_webhooks_overdue_seconds") == 0
    assert shown('dentiq_webhook_attempts_total{state="failed"}') == 1
