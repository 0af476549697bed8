"""Heat maps over HTTP."""

import threading
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from common.jobs.explanations import ExplanationRegister
from common.jobs.record import Explanation
from common.redis_client import connect
from common.settings import Settings
from common.storage import Storage, explanation_key


@pytest.fixture
def register(settings: Settings) -> ExplanationRegister:
    client: redis.Redis = connect(settings.effective_job_store_url, timeout_seconds=2, max_connections=4)
    return ExplanationRegister(client)


@pytest.fixture
def answered(api: Any, worker: Any, make_image: Any) -> str:
    job_id: str = api.accepted(make_image())["id"]
    worker.succeed(worker.claim())
    return job_id


def test_only_a_result_links_to_its_explanation(api: Any, answered: str, make_image: Any) -> None:
    assert api.read(answered).get_json()["links"]["explanation"] == f"/api/v1/jobs/{answered}/explanation"
    assert api.accepted(make_image())["links"]["explanation"] is None


def test_a_heat_map_is_waited_for_and_given(
    client: FlaskClient, settings: Settings, register: ExplanationRegister, answered: str
) -> None:
    def draw() -> None:
        Storage(settings.effective_storage_url, fsync=False).put(explanation_key(answered), b"a picture")
        register.note(answered, Explanation.READY)

    drawing = threading.Timer(0.2, draw)
    drawing.start()
    answer = client.get(f"/api/v1/jobs/{answered}/explanation?wait=10")
    drawing.join()
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/jpeg", b"a picture")
    again = client.get(f"/api/v1/jobs/{answered}/explanation", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_one_task_is_sent_however_many_ask(client: FlaskClient, redis_url: str, answered: str) -> None:
    for _ in range(3):
        answer = client.get(f"/api/v1/jobs/{answered}/explanation")
        assert (answer.status_code, answer.headers["Retry-After"]) == (202, "1")
        assert "being drawn" in answer.get_json()["message"]
    with redis.Redis.from_url(redis_url) as broker:
        sent = [message for message in broker.lrange("interactive", 0, -1) if b"dentiq.explain" in message]
    assert len(sent) == 1


def test_what_cannot_be_explained_is_told(client: FlaskClient, register: ExplanationRegister, answered: str) -> None:
    register.note(answered, Explanation.UNAVAILABLE)
    answer = client.get(f"/api/v1/jobs/{answered}/explanation")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "explanation_unavailable")


def test_a_job_without_a_result_has_no_explanation(client: FlaskClient, api: Any, make_image: Any) -> None:
    job_id = api.accepted(make_image())["id"]
    answer = client.get(f"/api/v1/jobs/{job_id}/explanation")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "explanation_unavailable")
    assert client.get("/api/v1/jobs/nosuchjob/explanation").get_json()["code"] == "job_not_found"


def test_an_erased_job_takes_its_heat_map_along(
    client: FlaskClient, settings: Settings, answered: str, stored_files: Any
) -> None:
    Storage(settings.effective_storage_url, fsync=False).put(explanation_key(answered), b"a picture")
    client.delete(f"/api/v1/jobs/{answered}")
    assert stored_files() == []
