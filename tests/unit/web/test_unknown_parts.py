"""What a request says that the API does not know is refused by name: misspelt, it would be a wish that nobody hears."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

API = "/api/v1/"


def assert_told(answer: TestResponse, *said: str) -> None:
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_request")
    assert answer.content_type == "application/problem+json"
    for expected in said:
        assert expected in problem["detail"]
    # Names of classes and words of the library that found the fault out.
    assert not re.search(r"Body\b|Document\b|Input should|Extra inputs", problem["detail"]), problem["detail"]


def test_no_route_of_the_api_passes_over_a_query_parameter(app: Flask, client: FlaskClient) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(API)]
    assert len(rules) > 15
    for rule in rules:
        address = re.sub(r"<[^>]+>", "x", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = client.open(f"{address}?lable=caries", method=method)
            assert_told(answer, f"{method} {address} does not know the query parameter `lable`; it takes ")


def test_the_known_parameters_are_named(client: FlaskClient) -> None:
    assert_told(client.get(f"{API}batches/b/jobs?limt=2"), "it takes `cursor`, `limit`.")
    assert_told(client.get(f"{API}models?x=1"), "it takes none.")
    assert client.get(f"{API}corrections?limit=2").status_code == 200


@pytest.mark.parametrize("query", ["limit=2&limit=3", "limit=2&cursor=0&limit=2"])
def test_a_query_parameter_comes_once(client: FlaskClient, query: str) -> None:
    assert_told(client.get(f"{API}corrections?{query}"), "takes each query parameter once; send `limit` once.")


@pytest.mark.parametrize(
    ("name", "sent"), [*(("limit", sent) for sent in ("%202", "1_0", "%2B2", "02", "2.0", "")), ("withdrawn", "1")]
)
def test_numbers_and_truth_values_are_written_as_in_json(client: FlaskClient, name: str, sent: str) -> None:
    assert client.get(f"{API}corrections?limit=2&withdrawn=true").status_code == 200
    answer = client.get(f"{API}corrections?{name}={sent}")
    assert answer.status_code == 422
    assert re.match(f"{name} is .* write it as JSON does, such as (2|true)", answer.get_json()["detail"])


def test_pages_and_probes_take_what_proxies_and_links_add(client: FlaskClient) -> None:
    for address in ("/", "/healthz", "/api/docs", "/pathologies"):
        assert client.get(f"{address}?utm_source=x").status_code == 200


@pytest.mark.parametrize("body", [{"nmae": "Monday"}, {"name": "Monday", "webhok_url": "https://example.com"}])
def test_a_misspelt_field_of_a_batch_is_named_and_makes_none(client: FlaskClient, body: dict[str, Any]) -> None:
    answer = client.post(f"{API}batches", json=body)
    assert_told(answer, f'The body has no field "{list(body)[-1]}"; it takes "name", "webhook_url".')


def test_a_field_whose_name_is_no_text_is_refused_like_another(client: FlaskClient) -> None:
    answer = client.post(f"{API}batches", data=b'{"\\ud800": 1}', content_type="application/json")
    assert_told(answer, "The body has no field")


FORMS: dict[str, tuple[str, dict[str, str], str]] = {
    "text of a job": ("jobs", {"image": "", "webhok_url": "x"}, "`webhok_url`; it takes `image`, `webhook_url`."),
    "a file of a job": ("jobs", {"image": "", "imgae": ""}, "`imgae`; it takes `image`, `webhook_url`."),
    "a file of a batch": ("batches/{}/images", {"images": "", "archiv": ""}, "`archiv`; it takes `images`, `archive`."),
    "text of a batch": ("batches/{}/images", {"images": "", "webhook_url": "x"}, "`webhook_url`; it takes `images`, "),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_misspelt_field_of_a_form_is_named_and_nothing_is_kept(
    client: FlaskClient,
    make_image: Callable[..., bytes],
    stored_files: Callable[[], list[str]],
    form: tuple[str, dict[str, str], str],
) -> None:
    path, fields, said = form
    batch = client.post(f"{API}batches", json={}).get_json()["id"]
    sent = {name: text or (io.BytesIO(make_image()), "a.jpg") for name, text in fields.items()}
    assert_told(client.post(f"{API}{path.format(batch)}", data=sent), f"does not know the form field {said}")
    assert stored_files() == []
    assert client.get(f"{API}batches/{batch}").get_json()["total"] == 0


@pytest.mark.parametrize("kind", ["a file", "twice"])
def test_of_several_addresses_of_a_webhook_none_is_passed_over(
    client: FlaskClient, make_image: Callable[..., bytes], stored_files: Callable[[], list[str]], kind: str
) -> None:
    url = "https://example.com/x"
    asked: Any = {"a file": (io.BytesIO(url.encode()), "u"), "twice": [url, url]}.get(kind, [])
    answer = client.post(f"{API}jobs", data={"image": (io.BytesIO(make_image()), "a.jpg"), "webhook_url": asked})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")
    assert "`webhook_url` is one text: send it once" in answer.get_json()["detail"]
    assert stored_files() == []
    answer = client.post(f"{API}jobs?webhook_url={url}&webhook_url={url}", data=make_image(), content_type="image/jpeg")
    assert_told(answer, "takes each query parameter once; send `webhook_url` once.")
    assert stored_files() == []


def test_a_form_without_images_is_told_what_it_has(client: FlaskClient) -> None:
    batch = client.post(f"{API}batches", json={}).get_json()["id"]
    answer = client.post(f"{API}batches/{batch}/images", data={"imgaes": (io.BytesIO(b"x"), "a.jpg")})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "image_missing")
    assert "the fields imgaes" in answer.get_json()["detail"]
    assert "`images`" in answer.get_json()["detail"]


CORRECTIONS = {
    "wrong without what is right": {"verdict": "wrong"},
    "a misspelt field": {"lable": "caries"},
    "both": {"label": "ulcer", "verdict": "right"},
    "a long label": {"label": "x" * 60},
    "a number": {"label": 1},
    "a number that no machine holds": {"label": 10**30},
    "half of a character": {"label": "\ud800", "verdict": "\ud800"},
    "nothing": {},
}


@pytest.mark.parametrize("body", CORRECTIONS.values(), ids=CORRECTIONS.keys())
def test_what_is_no_correction_is_told_what_one_is(client: FlaskClient, body: dict[str, Any]) -> None:
    answer = client.put(f"{API}jobs/x/correction", json=body)
    assert_told(answer, "is no correction", '{"verdict": "right"}', '{"label": LABEL}', "48 characters")


def test_what_is_no_object_is_told_so(client: FlaskClient) -> None:
    # The last is a text that holds an object.
    for sent in ({"json": []}, {"data": b"right", "content_type": "text/plain"}, {"json": '{"verdict": "right"}'}):
        assert_told(client.put(f"{API}jobs/x/correction", **sent), "No JSON object was sent")
    assert_told(client.post(f"{API}batches", json="{}"), "No JSON object was sent")
