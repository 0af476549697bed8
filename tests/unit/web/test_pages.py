"""The pages as the server writes them: languages, answers, erasure, and what a browser without scripts can do."""

import io
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from common.jobs.record import Outcome
from tests.fake_worker import FakeWorker
from tests.unit.web.conftest import Api
from web.pages.results import hold_seconds
from web.representation import DISCLAIMER

MakeImage = Callable[..., bytes]


def test_a_form_without_a_script_leads_to_the_results_own_address(client: FlaskClient, make_image: MakeImage) -> None:
    response = client.post("/", data={"image": (io.BytesIO(make_image()), "tooth.jpg")})
    assert response.status_code == 303
    page = client.get(response.headers["Location"])
    assert page.status_code == 200
    assert "Waiting: place 1 in the queue" in page.get_data(as_text=True)


def test_an_answer_is_shown_ranked_with_its_disclaimer_version_and_timings(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    job = api.accepted(make_image())
    worker.succeed(worker.claim())
    page = client.get(job["links"]["page"]).get_data(as_text=True)
    assert "Caries, 85.0%" in page
    assert page.index("Gingivitis") < page.index("Mouth ulcer")
    for expected in (DISCLAIMER, "test-1", "Computing the answer", "11 ms"):
        assert expected in page
    assert "data-poll" not in page


HEADLINES = {
    Outcome.UNCERTAIN: "No clear answer",
    Outcome.NOT_DENTAL: "This does not look like a photo of teeth or gums",
}


@pytest.mark.parametrize("outcome", HEADLINES)
def test_an_outcome_without_an_answer_names_no_pathology_in_its_headline(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage, outcome: Outcome
) -> None:
    job = api.accepted(make_image())
    worker.succeed(worker.claim(), outcome=outcome)
    page = client.get(job["links"]["page"]).get_data(as_text=True)
    heading = page.split("<h1", 1)[1].split("</h1>", 1)[0]
    assert HEADLINES[outcome] in heading
    assert "Caries" not in heading


def test_a_status_that_will_change_asks_again_and_a_final_one_stops(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    job = api.accepted(make_image())
    claims = worker.claim()
    running = client.get(f"{job['links']['page']}/status?turn=0").get_data(as_text=True)
    assert "turn=1" in running
    worker.succeed(claims)
    finished = client.get(f"{job['links']['page']}/status?turn=1").get_data(as_text=True)
    assert "Caries" in finished
    assert "data-poll" not in finished


def test_polls_grow_from_one_to_five_seconds() -> None:
    holds = [hold_seconds(turn) for turn in range(20)]
    assert (holds[0], holds[-1]) == (1.0, 5.0)
    assert holds == sorted(holds)
    assert hold_seconds(10**9) == 5.0


def test_the_browser_chooses_the_language_and_the_switch_overrides_it(client: FlaskClient) -> None:
    french = {"Accept-Language": "fr-CA,fr;q=0.9,en;q=0.5"}
    assert "Déposez une photo ici" in client.get("/", headers=french).get_data(as_text=True)
    assert "Drop a photo here" in client.get("/", headers={"Accept-Language": "de"}).get_data(as_text=True)
    switched = client.get("/language/en?next=/", headers=french)
    assert (switched.status_code, switched.headers["Location"]) == (303, "/")
    assert "Drop a photo here" in client.get("/", headers=french).get_data(as_text=True)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/jobs\r\nSet-Cookie: a=b",
        "//[",
        "evil",
        "",
        "javascript:alert(1)",
    ],
)
def test_the_language_switch_leads_nowhere_else(client: FlaskClient, target: str) -> None:
    response = client.get("/language/fr", query_string={"next": target})
    assert (response.status_code, response.headers["Location"]) == (303, "/")


def test_an_unknown_language_is_404(client: FlaskClient) -> None:
    assert client.get("/language/xx").status_code == 404


def test_a_result_is_erased_from_its_page(
    client: FlaskClient, api: Api, make_image: MakeImage, stored_files: Callable[[], list[str]]
) -> None:
    job = api.accepted(make_image())
    response = client.post(f"{job['links']['page']}/delete", follow_redirects=True)
    assert "The photo and its result were erased." in response.get_data(as_text=True)
    assert stored_files() == []
    assert client.get(job["links"]["page"]).status_code == 404


SENDERS = {
    "another site": ({"Sec-Fetch-Site": "cross-site"}, False),
    "another server of the same domain": ({"Sec-Fetch-Site": "same-site", "Origin": "http://a.localhost"}, False),
    "an unknown word": ({"Sec-Fetch-Site": "somewhere"}, False),
    "another site over plain HTTP": ({"Origin": "http://evil.example"}, False),
    "another port": ({"Origin": "http://localhost:8000"}, False),
    "a page that hides its origin": ({"Origin": "null"}, False),
    "an origin that is none": ({"Origin": "http://["}, False),
    "our page": ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, True),
    "our page over plain HTTP": ({"Origin": "http://localhost"}, True),
    "our page behind a proxy that speaks TLS": ({"Origin": "https://LOCALHOST"}, True),
    "a person who typed the address": ({"Sec-Fetch-Site": "none"}, True),
    "a program": ({}, True),
}


@pytest.mark.parametrize(("headers", "taken"), SENDERS.values(), ids=SENDERS.keys())
def test_only_our_pages_and_programs_can_send_and_erase(
    client: FlaskClient, api: Api, make_image: MakeImage, headers: dict[str, str], taken: bool
) -> None:
    job = api.accepted(make_image())
    sent = client.post("/", data={"image": (io.BytesIO(make_image()), "a.jpg")}, headers=headers)
    assert sent.status_code == (303 if taken else 403)
    assert client.delete(job["links"]["self"], headers=headers).status_code == (204 if taken else 403)
    assert api.read(job["id"]).status_code == (404 if taken else 200)


def test_what_another_site_sends_is_told_as_such(client: FlaskClient, api: Api, make_image: MakeImage) -> None:
    job = api.accepted(make_image())
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(f"{job['links']['page']}/delete", headers=foreign).status_code == 403
    assert client.delete(job["links"]["self"], headers=foreign).get_json()["code"] == "forbidden"
    assert api.read(job["id"]).status_code == 200


@pytest.mark.parametrize("path", ["/nowhere", "/jobs/unknown"])
def test_an_address_without_a_page_says_so_in_the_readers_language(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Accept-Language": "fr"})
    assert response.status_code == 404
    assert 'lang="fr"' in response.get_data(as_text=True)
    assert response.headers["Content-Language"] == "fr"


@pytest.mark.parametrize("path", ["/", "/api/docs", "/nowhere", "/api/v1/jobs/x", "/healthz", "/static/css/dentiq.css"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        headers = response.headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/api/docs", "/nowhere", "/pathologies", "/pathologies/caries"])
def test_no_page_has_an_inline_script_or_style(client: FlaskClient, path: str) -> None:
    page = client.get(path).get_data(as_text=True)
    assert "<style" not in page
    assert ' style="' not in page
    assert [tag for tag in re.findall(r"<script[^>]*>", page) if " src=" not in tag] == []
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
