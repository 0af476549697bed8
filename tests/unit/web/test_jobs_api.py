"""The jobs of the API, from submission to erasure."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from common.jobs.record import Job, Outcome
from common.jobs.store import JobStore
from common.storage import image_key
from tests.fake_worker import LABELS, LIMITS, VERSION, FakeWorker
from tests.unit.web.conftest import Api
from web.services import attach_services, services

MakeImage = Callable[..., bytes]


def test_a_submitted_image_is_accepted_with_its_address_and_place_in_the_queue(api: Api, make_image: MakeImage) -> None:
    response = api.submit(make_image(), "my tooth.jpg")
    job = response.get_json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["status"], job["queue"], job["position"]) == ("queued", "interactive", 1)
    assert job["filename"] == "my tooth.jpg"
    assert job["links"]["preview"] == f"/api/v1/jobs/{job['id']}/preview"
    assert "does not diagnose" in job["disclaimer"]
    assert job["submitted_at"].endswith("Z")
    assert datetime.fromisoformat(job["submitted_at"].replace("Z", "+00:00")).tzinfo is not None


def test_the_second_job_waits_at_place_two(api: Api, make_image: MakeImage) -> None:
    api.accepted(make_image())
    assert api.accepted(make_image(width=70))["position"] == 2


def test_a_hint_is_sent_only_where_no_process_waits_at_the_job_store(
    api: Api, make_image: MakeImage, worker: FakeWorker, redis_url: str
) -> None:
    assert worker.store.claim(LIMITS, lease_seconds=60, process="idle", wait_seconds=30) == []
    with redis.Redis.from_url(redis_url) as broker:
        api.accepted(make_image())
        assert broker.llen("interactive") == 0
        api.accepted(make_image())
        assert broker.llen("interactive") == 1


def test_a_raw_body_is_an_image_too(client: FlaskClient, make_image: MakeImage) -> None:
    response = client.post("/api/v1/jobs?filename=a.png", data=make_image(image_format="PNG"), content_type="image/png")
    assert (response.status_code, response.get_json()["filename"]) == (202, "a.png")


def test_an_image_without_a_name_is_called_by_its_format(client: FlaskClient, make_image: MakeImage) -> None:
    response = client.post("/api/v1/jobs", data=make_image(image_format="PNG"), content_type="image/jpeg")
    assert response.get_json()["filename"] == "image.png"


def test_a_finished_job_shows_ranked_probabilities_and_timings(
    api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    job_id = api.accepted(make_image())["id"]
    worker.succeed(worker.claim())
    job = api.read(job_id).get_json()
    assert (job["status"], job["outcome"], job["model_version"], job["attempts"]) == (
        "succeeded",
        "answered",
        VERSION,
        1,
    )
    assert job["predictions"][0] == {"label": "caries", "probability": 0.85}
    assert {prediction["label"] for prediction in job["predictions"]} == set(LABELS)
    probabilities = [prediction["probability"] for prediction in job["predictions"]]
    assert probabilities == sorted(probabilities, reverse=True)
    timings = job["timings"]
    assert (timings["decode_seconds"], timings["inference_seconds"]) == (0.006, 0.011)
    assert 0 <= timings["queue_seconds"] <= timings["total_seconds"]
    assert job["position"] is None
    assert job["finished_at"] >= job["submitted_at"]


@pytest.mark.parametrize("outcome", [Outcome.UNCERTAIN, Outcome.NOT_DENTAL])
def test_an_outcome_without_an_answer_is_told(
    api: Api, worker: FakeWorker, make_image: MakeImage, outcome: Outcome
) -> None:
    job_id = api.accepted(make_image())["id"]
    worker.succeed(worker.claim(), outcome=outcome)
    assert api.read(job_id).get_json()["outcome"] == outcome.value


def test_a_failed_job_shows_its_error(api: Api, worker: FakeWorker, make_image: MakeImage) -> None:
    job_id = api.accepted(make_image())["id"]
    worker.fail(worker.claim(), code="image_truncated", message="It ends early.")
    job = api.read(job_id).get_json()
    assert (job["status"], job["error"]) == ("failed", {"code": "image_truncated", "message": "It ends early."})


def test_a_long_poll_answers_as_soon_as_the_job_ends(api: Api, worker: FakeWorker, make_image: MakeImage) -> None:
    job_id = api.accepted(make_image())["id"]
    with worker.working():
        started = time.monotonic()
        job = api.read(job_id, wait=10).get_json()
    assert job["status"] == "succeeded"
    assert time.monotonic() - started < 5


def test_a_long_poll_that_ends_early_answers_the_job_as_it_stands(api: Api, make_image: MakeImage) -> None:
    job_id = api.accepted(make_image())["id"]
    assert api.read(job_id, wait=0.05).get_json()["status"] == "queued"


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "soon"])
def test_a_wait_that_is_no_time_is_refused(client: FlaskClient, api: Api, make_image: MakeImage, wait: str) -> None:
    job_id = api.accepted(make_image())["id"]
    response = client.get(f"/api/v1/jobs/{job_id}?wait={wait}")
    assert (response.status_code, response.get_json()["code"]) == (422, "invalid_request")
    assert response.content_type == "application/problem+json"


def test_an_unchanged_job_answers_304_and_a_changed_one_does_not(
    api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    job_id = api.accepted(make_image())["id"]
    etag = api.read(job_id).headers["ETag"]
    unchanged = api.read(job_id, If_None_Match=etag)
    assert (unchanged.status_code, unchanged.get_data()) == (304, b"")
    worker.succeed(worker.claim())
    assert api.read(job_id, If_None_Match=etag).status_code == 200


def test_an_erased_job_is_gone_with_its_files(
    client: FlaskClient, api: Api, make_image: MakeImage, stored_files: Callable[[], list[str]]
) -> None:
    job_id = api.accepted(make_image())["id"]
    assert client.get(f"/api/v1/jobs/{job_id}/preview").status_code == 200
    assert len(stored_files()) == 2
    response = client.delete(f"/api/v1/jobs/{job_id}")
    assert (response.status_code, response.get_data()) == (204, b"")
    assert stored_files() == []
    for path in (f"/api/v1/jobs/{job_id}", f"/api/v1/jobs/{job_id}/preview"):
        assert client.get(path).get_json()["code"] == "job_not_found"
    assert client.delete(f"/api/v1/jobs/{job_id}").status_code == 404


def test_erasing_a_waiting_job_leaves_nothing_to_claim(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    job_id = api.accepted(make_image())["id"]
    client.delete(f"/api/v1/jobs/{job_id}")
    assert worker.claim() == []


@pytest.mark.parametrize("method", ["get", "delete"])
def test_an_unknown_id_is_404(client: FlaskClient, method: str) -> None:
    response = getattr(client, method)("/api/v1/jobs/nosuchjob")
    assert (response.status_code, response.get_json()["code"]) == (404, "job_not_found")


def test_a_wrong_method_names_the_allowed_ones(client: FlaskClient) -> None:
    response = client.put("/api/v1/jobs")
    assert (response.status_code, response.get_json()["code"]) == (405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]
    assert response.content_type == "application/problem+json"


class TestIdempotency:
    """Repetitions under an Idempotency-Key."""

    def test_a_repetition_answers_the_first_job_and_stores_nothing(
        self, api: Api, make_image: MakeImage, stored_files: Callable[[], list[str]]
    ) -> None:
        first = api.accepted(make_image(), Idempotency_Key="k")
        again = api.accepted(make_image(), Idempotency_Key="k")
        assert again["id"] == first["id"]
        assert len(stored_files()) == 1

    def test_another_image_under_the_same_key_is_refused_and_not_kept(
        self, api: Api, make_image: MakeImage, stored_files: Callable[[], list[str]]
    ) -> None:
        api.accepted(make_image(), Idempotency_Key="k")
        response = api.submit(make_image(width=99), Idempotency_Key="k")
        assert (response.status_code, response.get_json()["code"]) == (422, "idempotency_conflict")
        assert len(stored_files()) == 1

    @pytest.mark.parametrize("width", [64, 99], ids=["the same image", "another image"])
    def test_a_key_whose_job_was_erased_makes_a_new_one(
        self, client: FlaskClient, api: Api, make_image: MakeImage, width: int
    ) -> None:
        first = api.accepted(make_image(width=64), Idempotency_Key="k")
        client.delete(first["links"]["self"])
        again = api.accepted(make_image(width=width), Idempotency_Key="k")
        assert again["id"] != first["id"]
        assert api.accepted(make_image(width=width), Idempotency_Key="k")["id"] == again["id"]

    def test_a_job_that_is_erased_while_it_is_answered_again_is_made_anew(
        self, app: Flask, api: Api, worker: FakeWorker, make_image: MakeImage
    ) -> None:
        class ErasedMeanwhile(JobStore):
            def get(self, job_id: str) -> Job:
                self.erase(job_id)
                return super().get(job_id)

        first = api.accepted(make_image(), Idempotency_Key="k")
        with app.app_context():
            found = services()
        submissions = replace(found.submissions, store=ErasedMeanwhile(worker.store._redis))
        attach_services(app, replace(found, submissions=submissions))
        again = api.accepted(make_image(), Idempotency_Key="k")
        assert again["id"] != first["id"]
        assert found.storage.get(image_key(again["id"])) == make_image()
        attach_services(app, found)
        assert api.accepted(make_image(), Idempotency_Key="k")["id"] == again["id"]

    def test_another_key_makes_another_job(self, api: Api, make_image: MakeImage) -> None:
        first = api.accepted(make_image(), Idempotency_Key="k")
        assert api.accepted(make_image(), Idempotency_Key="l")["id"] != first["id"]

    def test_the_key_itself_is_not_stored(self, api: Api, worker: FakeWorker, make_image: MakeImage) -> None:
        api.accepted(make_image(), Idempotency_Key="a-secret-of-the-sender")
        keys = list(worker.store._redis.scan_iter("*idempotency*"))
        assert len(keys) == 1
        assert "secret" not in keys[0]

    def test_a_key_that_is_too_long_is_refused(self, api: Api, make_image: MakeImage) -> None:
        assert api.submit(make_image(), Idempotency_Key="k" * 300).get_json()["code"] == "invalid_request"
