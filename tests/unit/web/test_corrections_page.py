"""A reader marks an answer on its page: asked, stored, changed, withdrawn, with a script or without one."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.jobs.record import Outcome
from tests.fake_worker import LABELS, FakeWorker
from tests.unit.web.conftest import Api

MakeImage = Callable[..., bytes]


@pytest.fixture
def job(api: Api, worker: FakeWorker, make_image: MakeImage) -> dict[str, Any]:
    """A job that was answered with `caries`."""
    made = api.accepted(make_image())
    worker.succeed(worker.claim())
    return made


def page_of(client: FlaskClient, job: dict[str, Any]) -> str:
    return client.get(job["links"]["page"]).get_data(as_text=True)


def offered(page: str) -> list[str]:
    return [value for value in re.findall(r'<option value="([^"]*)"', page) if value]


def test_a_result_asks_and_a_job_without_one_does_not(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    waiting = api.accepted(make_image())
    assert 'id="correction"' not in page_of(client, waiting)
    worker.fail(worker.claim())
    assert 'id="correction"' not in page_of(client, waiting)


def test_every_label_but_the_one_of_the_answer_is_offered_the_likeliest_first(
    client: FlaskClient, job: dict[str, Any]
) -> None:
    page = page_of(client, job)
    assert "Is this answer right?" in page
    assert offered(page)[:2] == ["gingivitis", "healthy"]
    assert sorted(offered(page)) == sorted({*LABELS, "other", "not_dental"} - {"caries"})


def test_a_form_without_a_script_leads_back_to_what_it_marked(
    client: FlaskClient, api: Api, job: dict[str, Any]
) -> None:
    answer = client.post(f"{job['links']['page']}/correction", data={"label": "ulcer"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{job['links']['page']}#correction")
    assert api.read(job["id"]).get_json()["correction"]["label"] == "ulcer"
    page = page_of(client, job)
    assert "The photo shows: Mouth ulcer" in page
    assert '<option value="ulcer" selected>' in page
    assert "caries" in offered(page)  # a reader may change their mind


def test_a_script_gets_the_part_that_changed_and_what_to_announce(client: FlaskClient, job: dict[str, Any]) -> None:
    script = {"HX-Request": "true"}
    address = f"{job['links']['page']}/correction"
    part = client.post(address, data={"verdict": "right"}, headers=script).get_data(as_text=True)
    assert part.lstrip().startswith('<section id="correction"')
    assert 'data-announce="The answer is right: Caries"' in part
    part = client.post(f"{address}/withdraw", headers=script).get_data(as_text=True)
    assert 'data-announce="Withdrawn"' in part
    assert "Is this answer right?" in part


@pytest.mark.parametrize("sent", [{}, {"label": ""}, {"label": "tooth"}, {"verdict": "wrong"}])
def test_a_form_that_says_nothing_is_told_so(client: FlaskClient, api: Api, job: dict[str, Any], sent: Any) -> None:
    answer = client.post(f"{job['links']['page']}/correction", data=sent)
    assert answer.status_code == 422
    assert "Nothing was marked." in answer.get_data(as_text=True)
    assert api.read(job["id"]).get_json()["correction"] is None


def test_another_sites_form_marks_nothing(client: FlaskClient, api: Api, job: dict[str, Any]) -> None:
    for path in ("correction", "correction/withdraw"):
        answer = client.post(
            f"{job['links']['page']}/{path}", data={"verdict": "right"}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert answer.status_code == 403
    assert api.read(job["id"]).get_json()["correction"] is None


def test_an_answer_that_names_nothing_is_only_named(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    made = api.accepted(make_image())
    worker.succeed(worker.claim(), outcome=Outcome.UNCERTAIN)
    page = page_of(client, made)
    assert "Do you know what the photo shows?" in page
    assert 'name="verdict"' not in page
    assert sorted(offered(page)) == sorted({*LABELS, "other", "not_dental"})


def test_the_mark_is_shown_in_french_and_in_the_batch(
    client: FlaskClient, worker: FakeWorker, make_image: MakeImage
) -> None:
    batch = client.post("/api/v1/batches", json={}).get_json()["id"]
    files = {"images": [(io.BytesIO(make_image()), "a.jpg")]}
    (added,) = client.post(f"/api/v1/batches/{batch}/images", data=files).get_json()["accepted"]
    worker.succeed(worker.claim())
    client.post(f"/jobs/{added['id']}/correction", data={"label": "not_dental"})
    for address in (f"/batches/{batch}", f"/jobs/{added['id']}"):
        page = client.get(address, headers={"Accept-Language": "fr"}).get_data(as_text=True)
        assert "La photo montre\u00a0: Pas une photo dentaire" in page
