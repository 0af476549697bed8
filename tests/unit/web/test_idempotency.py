"""Every POST of the API under an Idempotency-Key: the same again is answered again, another is refused."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.settings import Settings
from tests.unit.web.test_batches import zipped
from web.app_factory import create_app

KEY = {"Idempotency-Key": "k"}


def _send_job(client: FlaskClient, _: str, image: bytes) -> TestResponse:
    return client.post("/api/v1/jobs", data={"image": (io.BytesIO(image), "a.jpg")}, headers=KEY)


def _send_raw_job(client: FlaskClient, _: str, image: bytes) -> TestResponse:
    return client.post("/api/v1/jobs?filename=a.jpg", data=image, content_type="image/jpeg", headers=KEY)


def _make_batch(client: FlaskClient, _: str, image: bytes) -> TestResponse:
    return client.post("/api/v1/batches", json={"name": str(len(image))}, headers=KEY)


def _add_images(client: FlaskClient, batch: str, image: bytes) -> TestResponse:
    return client.post(f"{batch}/images", data={"images": [(io.BytesIO(image), "a.jpg")]}, headers=KEY)


def _add_archive(client: FlaskClient, batch: str, image: bytes) -> TestResponse:
    archive = io.BytesIO(zipped(*[(f"{number}.jpg", image) for number in range(70)]))
    return client.post(f"{batch}/images", data={"archive": (archive, "a.zip")}, headers=KEY)


POSTS = {
    "POST /api/v1/jobs": [_send_job, _send_raw_job],
    "POST /api/v1/batches": [_make_batch],
    "POST /api/v1/batches/<batch_id>/images": [_add_images, _add_archive],
    # Without a body there is no other one; doing it again changes nothing.
    "POST /api/v1/batches/<batch_id>/cancel": [],
}


def new_batch(client: FlaskClient) -> str:
    return str(client.post("/api/v1/batches", json={}).headers["Location"])


def what_counts(answer: TestResponse) -> Any:
    """An answer without what may have moved since."""
    content = answer.get_json()
    return content.get("id") or content


def test_every_post_of_the_api_is_looked_at(app: Flask) -> None:
    served = {f"POST {rule.rule}" for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert {post for post in served if "/api/" in post} == set(POSTS)


@pytest.mark.parametrize("send", [send for sends in POSTS.values() for send in sends])
def test_the_same_is_answered_again_and_another_refused(
    client: FlaskClient, make_image: Callable[..., bytes], send: Callable[..., TestResponse]
) -> None:
    batch = new_batch(client)
    first, again = (send(client, batch, make_image(width=64)) for _ in range(2))
    assert first.status_code in {201, 202}
    assert (again.status_code, what_counts(again)) == (first.status_code, what_counts(first))
    other = send(client, batch, make_image(width=65))
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_conflict")


@pytest.mark.parametrize("count", [1, 3])
def test_a_request_without_a_good_image_is_one_too(
    client: FlaskClient, make_image: Callable[..., bytes], count: int
) -> None:
    batch = new_batch(client)

    def add(*images: bytes) -> TestResponse:
        files = [(io.BytesIO(image), f"{number}.jpg") for number, image in enumerate(images)]
        return client.post(f"{batch}/images", data={"images": files}, headers=KEY)

    bad = [b"no image at all"] * count
    first, again = add(*bad), add(*bad)
    assert (first.status_code, len(first.get_json()["rejected"])) == (202, count)
    assert (again.status_code, again.get_json()) == (202, first.get_json())
    for other in ([make_image()], [*bad, make_image()], [b"something else"]):
        answer = add(*other)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_conflict")
    assert client.get(batch).get_json()["total"] == 0
    # And the other way round: what was good is not taken back by what is bad.
    batch = new_batch(client)
    assert add(make_image()).status_code == 202
    assert add(*bad).get_json()["code"] == "idempotency_conflict"


BOTH: dict[str, int] = {}
ONLY_THE_WIDE: dict[str, int] = {"max_image_pixels": 8000}
ONLY_THE_HIGH: dict[str, int] = {"min_image_edge": 64}
NONE: dict[str, int] = {"max_image_pixels": 1024}


@pytest.mark.parametrize(
    ("first", "later"), [(BOTH, ONLY_THE_HIGH), (ONLY_THE_WIDE, BOTH), (ONLY_THE_WIDE, ONLY_THE_HIGH), (BOTH, NONE)]
)
def test_images_that_later_rules_judge_otherwise_are_no_repetition(
    app: Flask, settings: Settings, make_image: Callable[..., bytes], first: dict[str, int], later: dict[str, int]
) -> None:
    images = {"wide.jpg": make_image(width=200, height=33), "high.jpg": make_image(width=100, height=100)}
    batch = new_batch(app.test_client())

    def add(rules: dict[str, int]) -> TestResponse:
        client = create_app(Settings(**{**settings.model_dump(), **rules})).test_client()
        files = [(io.BytesIO(data), name) for name, data in images.items()]
        return client.post(f"{batch}/images", data={"images": files}, headers=KEY)

    sent, other, again = add(first), add(later), add(first)
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_conflict")
    assert (again.status_code, again.get_json()) == (sent.status_code, sent.get_json())
    assert app.test_client().get(batch).get_json()["total"] == len(sent.get_json()["accepted"])


def test_a_batch_is_cancelled_twice_without_harm(client: FlaskClient) -> None:
    batch = new_batch(client)
    answers = [client.post(f"{batch}/cancel", headers=KEY).get_json() for _ in range(2)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("first", "second"), [(70, 64), (64, 70), (100, 64)])
def test_an_archive_that_begins_like_another_is_another(
    client: FlaskClient, make_image: Callable[..., bytes], first: int, second: int
) -> None:
    batch = new_batch(client)
    image = make_image()

    def add(count: int) -> TestResponse:
        archive = io.BytesIO(zipped(*[(f"{number}.jpg", image) for number in range(count)]))
        return client.post(f"{batch}/images", data={"archive": (archive, "a.zip")}, headers=KEY)

    assert [add(first).status_code, add(second).status_code] == [202, 422]
    assert client.get(batch).get_json()["total"] == first


def test_one_key_may_be_used_for_two_batches(client: FlaskClient, make_image: Callable[..., bytes]) -> None:
    batches = [new_batch(client) for _ in range(2)]
    answers = [_add_images(client, batch, make_image()).get_json()["accepted"][0]["id"] for batch in batches]
    assert answers[0] != answers[1]
    assert [client.get(batch).get_json()["total"] for batch in batches] == [1, 1]
