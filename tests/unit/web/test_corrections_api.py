"""Corrections over HTTP: stored, shown, exported, withdrawn, listed; and the image that a data set is made of."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from common.jobs.record import Outcome
from tests.fake_worker import LABELS, VERSION, FakeWorker
from tests.unit.web.conftest import Api

MakeImage = Callable[..., bytes]


@pytest.fixture
def job(api: Api, worker: FakeWorker, make_image: MakeImage) -> dict[str, Any]:
    """A job that was answered with `caries`."""
    made = api.accepted(make_image())
    worker.succeed(worker.claim())
    return made


def put(client: FlaskClient, job: dict[str, Any], body: object) -> TestResponse:
    return client.put(f"{job['links']['self']}/correction", json=body)


def shown(client: FlaskClient, job: dict[str, Any]) -> Any:
    return client.get(job["links"]["self"]).get_json()["correction"]


def test_a_correction_is_shown_by_the_job_until_it_is_withdrawn(client: FlaskClient, job: dict[str, Any]) -> None:
    assert shown(client, job) is None
    for body, label, verdict in (
        ({"label": "ulcer"}, "ulcer", "wrong"),
        ({"verdict": "right"}, "caries", "right"),
        ({"label": "other"}, "other", "wrong"),
    ):
        answer = put(client, job, body)
        assert (answer.status_code, answer.get_data()) == (204, b"")
        correction = shown(client, job)
        assert (correction["label"], correction["verdict"]) == (label, verdict)
        assert put(client, job, body).status_code == 204
        assert shown(client, job) == correction
    for _ in range(2):
        assert client.delete(f"{job['links']['self']}/correction").status_code == 204
    assert shown(client, job) is None


WRONG = {
    "no label that there is": ({"label": "tooth"}, 422, "correction_invalid"),
    "an empty label": ({"label": ""}, 422, "correction_invalid"),
    "a long label": ({"label": "x" * 60}, 422, "invalid_request"),
    "nothing": ({}, 422, "invalid_request"),
    "both": ({"label": "ulcer", "verdict": "right"}, 422, "invalid_request"),
    "wrong without what is right": ({"verdict": "wrong"}, 422, "invalid_request"),
    "a number": ({"label": 1}, 422, "invalid_request"),
    "a list": ([], 422, "invalid_request"),
}


@pytest.mark.parametrize(("body", "status", "code"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_correction_is_refused(
    client: FlaskClient, job: dict[str, Any], body: object, status: int, code: str
) -> None:
    answer = put(client, job, body)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert shown(client, job) is None


def test_a_body_that_is_no_json_is_refused(client: FlaskClient, job: dict[str, Any]) -> None:
    answer = client.put(f"{job['links']['self']}/correction", data=b"right", content_type="text/plain")
    assert answer.status_code == 422


def test_a_job_without_a_result_is_refused_and_an_unknown_one_is_404(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    queued = api.accepted(make_image())
    assert put(client, queued, {"label": "other"}).get_json()["code"] == "result_missing"
    worker.fail(worker.claim())
    answer = put(client, queued, {"verdict": "right"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "result_missing")
    for method in ("put", "delete"):
        gone = getattr(client, method)("/api/v1/jobs/nosuchjob/correction", json={"verdict": "right"})
        assert (gone.status_code, gone.get_json()["code"]) == (404, "job_not_found")


def test_an_uncertain_result_is_named_and_not_confirmed(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    made = api.accepted(make_image())
    worker.succeed(worker.claim(), outcome=Outcome.UNCERTAIN)
    assert put(client, made, {"verdict": "right"}).get_json()["code"] == "correction_invalid"
    assert put(client, made, {"label": "caries"}).status_code == 204
    assert shown(client, made)["verdict"] == "undecided"


def test_corrected_jobs_are_listed_in_pages_whole(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    jobs = [api.accepted(make_image(width=70 + number)) for number in range(5)]
    worker.succeed(worker.claim())
    for made, label in zip(jobs[:4], LABELS, strict=False):
        assert put(client, made, {"label": label}).status_code == 204
    listed, cursor = [], 0
    while cursor is not None:
        page = client.get(f"/api/v1/corrections?limit=3&cursor={cursor}").get_json()
        listed += page["jobs"]
        cursor = page["next_cursor"]
    assert [entry["id"] for entry in listed] == [made["id"] for made in jobs[:4]]
    assert listed == [client.get(entry["links"]["self"]).get_json() for entry in listed]
    client.delete(f"{jobs[0]['links']['self']}/correction")
    told = client.get("/api/v1/corrections?withdrawn=true").get_json()["jobs"]
    assert [entry["id"] for entry in told] == [made["id"] for made in jobs[:4]]
    assert [entry["correction"] is None for entry in told] == [True, False, False, False]
    assert len(client.get("/api/v1/corrections").get_json()["jobs"]) == 3
    for wrong in ("cursor=-1", "cursor=x", "limit=0", "limit=501", "cursor=99999999999999999999"):
        assert client.get(f"/api/v1/corrections?{wrong}").get_json()["code"] == "invalid_request"


def test_the_table_of_a_batch_has_corrections_in_its_last_column(
    client: FlaskClient, worker: FakeWorker, make_image: MakeImage
) -> None:
    batch = client.post("/api/v1/batches", json={}).get_json()["links"]
    files = [(io.BytesIO(make_image(width=70 + number)), f"{number}.jpg") for number in range(2)]
    added = client.post(batch["images"], data={"images": files}).get_json()["accepted"]
    worker.succeed(worker.claim())
    client.put(f"/api/v1/jobs/{added[1]['id']}/correction", json={"label": "ulcer"})
    table = client.get(batch["results_csv"]).get_data(as_text=True)
    assert table.splitlines()[0].split(",")[-1] == "correction"
    assert [row["correction"] for row in csv.DictReader(io.StringIO(table))] == ["", "ulcer"]
    exported = client.get(batch["results_json"]).get_json()
    assert [entry["correction"] and entry["correction"]["label"] for entry in exported] == [None, "ulcer"]


def test_corrections_are_counted_by_version_and_verdict(client: FlaskClient, job: dict[str, Any]) -> None:
    for body in ({"label": "ulcer"}, {"label": "ulcer"}, {"verdict": "right"}):
        put(client, job, body)
    client.delete(f"{job['links']['self']}/correction")
    text = client.get("/metrics").get_data(as_text=True)
    for verdict in ("right", "wrong"):
        assert f'dentiq_corrections_total{{model_version="{VERSION}",verdict="{verdict}"}} 1.0' in text


def test_the_image_is_whole_upright_and_without_what_the_camera_wrote(client: FlaskClient, api: Api) -> None:
    picture = Image.new("RGB", (1600, 1200), (200, 120, 110))
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    exif[0x010F] = "A camera that tells"
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif, comment=b"somebody's name")
    made = api.accepted(buffer.getvalue())
    answer = client.get(made["links"]["image"])
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    served = Image.open(io.BytesIO(answer.get_data()))
    assert served.size == (1200, 1600)
    assert not served.getexif()
    assert b"camera" not in answer.get_data()
    assert b"somebody" not in answer.get_data()
    again = client.get(made["links"]["image"], headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    client.delete(made["links"]["self"])
    assert client.get(made["links"]["image"]).get_json()["code"] == "job_not_found"
