"""The audit log: who submitted, read and erased, without what would give a job away."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from common.api_keys import KeyFile
from common.settings import Settings
from tests.fake_worker import FakeWorker
from tests.unit.access.conftest import Sender
from web.access.audit import audit_name


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def test_it_tells_who_did_what_and_not_the_address_of_the_job(
    sender: Sender, keys: KeyFile, make_image: Callable[..., bytes], logged: list[Any]
) -> None:
    job = sender.submit(make_image()).get_json()
    for _ in range(3):
        sender.ask("GET", job["links"]["self"])
    sender.ask("GET", "/api/v1/models")
    sender.ask("DELETE", job["links"]["self"])
    sender.ask("DELETE", job["links"]["self"])
    lines = [line for line in logged if line["event"] == "audit"]
    assert [line["action"] for line in lines] == ["submit", "read", "erase"]
    assert {line["key"] for line in lines} == {keys.active()[0].id}
    assert {line["thing"] for line in lines} == {audit_name(job["id"])}
    everything = str(logged)
    assert job["id"] not in everything
    assert sender.text not in everything
    assert "tooth.jpg" not in everything
    assert "203.0.113.7" not in everything


def test_corrections_are_told_and_so_is_who_listed_those_of_everybody(
    sender: Sender,
    make_key: Callable[..., Any],
    make_image: Callable[..., bytes],
    logged: list[Any],
    settings: Settings,
) -> None:
    job = sender.submit(make_image()).get_json()
    worker = FakeWorker(settings)
    worker.succeed(worker.claim())
    address = f"{job['links']['self']}/correction"
    assert sender.ask("PUT", address, json={"verdict": "right"}).status_code == 204
    assert sender.ask("DELETE", address).status_code == 204
    administrator = Sender(sender.client, make_key("admin")[1])
    assert administrator.ask("GET", "/api/v1/corrections").status_code == 200
    lines = [line for line in logged if line["event"] == "audit"]
    assert [line["action"] for line in lines] == ["submit", "correct", "correct", "read"]
    assert {line["thing"] for line in lines[:3]} == {audit_name(job["id"])}
    assert lines[3]["route"] == "GET /api/v1/corrections"


def test_a_batch_is_told_of_from_its_making_to_its_erasure(
    sender: Sender, make_image: Callable[..., bytes], logged: list[Any]
) -> None:
    batch = sender.ask("POST", "/api/v1/batches", json={}).get_json()
    address = batch["links"]["self"]
    sender.ask("POST", f"{address}/images", data={"images": (io.BytesIO(make_image()), "patient.jpg")})
    sender.ask("GET", f"{address}/results.csv")
    sender.ask("POST", f"{address}/cancel")
    sender.ask("DELETE", address)
    lines = [line for line in logged if line["event"] == "audit"]
    assert [line["action"] for line in lines] == ["submit", "submit", "read", "cancel", "erase"]
    assert {line["thing"] for line in lines} == {audit_name(batch["id"])}
    assert batch["id"] not in str(logged)


def test_a_signed_in_browser_is_told_of_by_its_key(
    client: FlaskClient, sender: Sender, keys: KeyFile, make_image: Callable[..., bytes], logged: list[Any]
) -> None:
    job = sender.submit(make_image()).get_json()
    browser = {"Sec-Fetch-Site": "same-origin"}
    client.post("/sign-in", data={"key": sender.text}, headers=browser)
    assert client.get(f"/jobs/{job['id']}").status_code == 200
    assert client.post(f"/jobs/{job['id']}/delete", headers=browser).status_code == 303
    lines = [line for line in logged if line["event"] == "audit"]
    assert [line["action"] for line in lines] == ["submit", "read", "erase"]
    assert {line["key"] for line in lines} == {keys.active()[0].id}


def test_what_was_refused_or_not_found_is_nobodys_deed(
    sender: Sender, stranger: Sender, make_image: Callable[..., bytes], logged: list[Any]
) -> None:
    job = sender.submit(make_image()).get_json()
    assert stranger.ask("GET", job["links"]["self"]).status_code == 401
    assert sender.ask("GET", "/api/v1/jobs/" + "a" * 24).status_code == 404
    assert [line["action"] for line in logged if line["event"] == "audit"] == ["submit"]
