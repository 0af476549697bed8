"""What machines ask about the web server: health, readiness, model versions, metrics, request ids."""

import io
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from common.settings import Settings
from tests.fake_worker import FakeWorker
from tests.fixtures.redis import free_port
from tests.unit.web.conftest import Api
from tests.waiting import wait_until
from web.app_factory import create_app

MakeImage = Callable[..., bytes]


def metric(client: FlaskClient, line: str) -> float:
    """Read one sample, named as Prometheus's text format names it."""
    text = client.get("/metrics").get_data(as_text=True)
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
    assert found, f"no {line} in\n{text}"
    return float(found[1])


def test_ready_only_once_a_worker_holds_a_model(client: FlaskClient, worker: FakeWorker) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert response.get_json()["missing"] == ["No worker with a model is registered; start one."]
    worker.be_alive()
    assert client.get("/readyz").get_json() == {"status": "ready"}


def test_models_name_the_versions_and_the_live_workers(client: FlaskClient, worker: FakeWorker) -> None:
    worker.be_alive()
    answer = client.get("/api/v1/models").get_json()
    assert answer["models"] == []
    (process,) = answer["workers"]
    name = process.pop("name")
    assert process == {"model_version": "test-1", "runtime": "onnx", "device": "cpu"}
    assert re.fullmatch(r"[0-9a-f]{12}", name), "the name of a host is no stranger's business"
    assert client.get("/api/v1/models").get_json()["workers"][0]["name"] == name


def test_metrics_tell_what_waits_runs_and_ended(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    worker.be_alive()
    for width in (64, 65, 66):
        api.accepted(make_image(width=width))
    first, second, _third = worker.claim()
    worker.succeed([first])
    worker.fail([second])
    api.accepted(make_image(width=67))
    assert metric(client, 'dentiq_queue_depth{queue="interactive"}') == 1
    assert metric(client, 'dentiq_queue_depth{queue="bulk"}') == 0
    assert metric(client, 'dentiq_queue_oldest_age_seconds{queue="interactive"}') > 0
    assert metric(client, "dentiq_jobs_running") == 1
    assert metric(client, "dentiq_jobs_submitted_total") == 4
    assert metric(client, 'dentiq_jobs_finished_total{status="succeeded"}') == 1
    assert metric(client, 'dentiq_jobs_finished_total{status="failed"}') == 1
    assert metric(client, 'dentiq_job_errors_total{code="image_truncated"}') == 1
    assert metric(client, 'dentiq_predicted_labels_total{label="caries",model_version="test-1"}') == 1
    assert metric(client, 'dentiq_outcomes_total{model_version="test-1",outcome="answered"}') == 1
    assert metric(client, 'dentiq_workers{device="cpu",model_version="test-1",runtime="onnx"}') == 1


def test_requests_are_counted_by_route_template_never_by_path(
    client: FlaskClient, api: Api, make_image: MakeImage
) -> None:
    job_id = api.accepted(make_image())["id"]
    api.read(job_id)
    client.get("/nowhere/at/all")
    client.open("/", method="BREW")
    text = client.get("/metrics").get_data(as_text=True)
    assert metric(client, 'dentiq_http_requests_total{code="200",method="GET",route="/api/v1/jobs/<job_id>"}') == 1
    assert metric(client, 'dentiq_http_requests_total{code="404",method="GET",route="(none)"}') == 1
    assert job_id not in text
    assert "nowhere" not in text
    assert "BREW" not in text


def test_the_time_of_a_long_poll_is_not_the_servers(client: FlaskClient, api: Api, make_image: MakeImage) -> None:
    job_id = api.accepted(make_image())["id"]
    api.read(job_id, wait=0.4)
    series = 'dentiq_http_request_duration_seconds_sum{method="GET",route="/api/v1/jobs/<job_id>"}'
    assert metric(client, series) < 0.3


class TimedInput(io.BytesIO):
    """A body for which the server waited before it began the request."""

    collected_seconds = 7.5


class SlowSender(io.RawIOBase):
    """A body that takes its time to arrive."""

    def __init__(self, body: bytes) -> None:
        self._body = io.BytesIO(body)
        self._seconds = 1.5

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        threading.Event().wait(self._seconds)
        self._seconds = 0.0
        return self._body.readinto(buffer)


def test_the_time_that_a_sender_takes_is_not_the_servers(client: FlaskClient, make_image: MakeImage) -> None:
    image = make_image()
    body = {"wsgi.input": SlowSender(image), "CONTENT_LENGTH": str(len(image))}
    assert client.post("/api/v1/jobs", content_type="image/jpeg", environ_overrides=body).status_code == 202
    assert metric(client, 'dentiq_http_request_duration_seconds_sum{method="POST",route="/api/v1/jobs"}') < 1.5
    assert metric(client, 'dentiq_http_receive_duration_seconds_count{route="/api/v1/jobs"}') == 1
    assert metric(client, 'dentiq_http_receive_duration_seconds_sum{route="/api/v1/jobs"}') >= 1.5


def test_the_time_that_the_server_collected_a_body_is_the_senders_too(
    client: FlaskClient, make_image: MakeImage
) -> None:
    image = make_image()
    overrides = {"wsgi.input": TimedInput(image), "CONTENT_LENGTH": str(len(image))}
    assert client.post("/api/v1/jobs", content_type="image/jpeg", environ_overrides=overrides).status_code == 202
    assert metric(client, 'dentiq_http_receive_duration_seconds_sum{route="/api/v1/jobs"}') >= 7.5
    assert metric(client, 'dentiq_http_request_duration_seconds_sum{method="POST",route="/api/v1/jobs"}') < 7.5


def test_a_request_without_a_body_waits_for_none(client: FlaskClient) -> None:
    client.get("/healthz")
    assert "dentiq_http_receive_duration_seconds_count" not in client.get("/metrics").get_data(as_text=True)


def test_what_people_cannot_use_is_a_failure_and_a_probe_is_none(settings: Settings, make_image: MakeImage) -> None:
    away = settings.model_copy(update={"redis_url": SecretStr(f"redis://127.0.0.1:{free_port()}/0")})
    client = create_app(away).test_client()
    assert metric(client, "dentiq_http_failures_total") == 0
    assert client.get("/readyz").status_code == 503
    assert metric(client, "dentiq_http_failures_total") == 0
    assert client.post("/api/v1/jobs", data=make_image(), content_type="image/jpeg").status_code == 503
    assert metric(client, "dentiq_http_failures_total") == 1


@pytest.mark.parametrize(("sent", "kept"), [("abc-123-def", True), ("x", False), ("a b\nc" * 3, False), (None, False)])
def test_a_request_id_is_kept_when_it_is_harmless(client: FlaskClient, sent: str | None, kept: bool) -> None:
    header = {} if sent is None else {"X-Request-ID": sent.replace("\n", " ")}
    answered = client.get("/healthz", headers=header).headers["X-Request-ID"]
    assert (answered == sent) is kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", answered)


def test_polls_beyond_the_slots_are_answered_at_once_and_told_to_pause(
    settings: Settings, worker: FakeWorker, make_image: MakeImage
) -> None:
    app = create_app(settings.model_copy(update={"web_threads": 1}))
    job_id = Api(app.test_client()).accepted(make_image())["id"]
    answers: list[TestResponse] = []
    polls = [
        threading.Thread(target=lambda: answers.append(Api(app.test_client()).read(job_id, wait=15))) for _ in range(3)
    ]
    for poll in polls:
        poll.start()
    try:
        wait_until(lambda: len(answers) == 2, 10, what="two of three polls")
        assert [(answer.get_json()["status"], answer.headers["Retry-After"]) for answer in answers] == [
            ("queued", "1"),
            ("queued", "1"),
        ]
    finally:
        worker.succeed(worker.claim())
        for poll in polls:
            poll.join()
    assert answers[2].get_json()["status"] == "succeeded"
