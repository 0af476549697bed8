"""API keys over HTTP: who is let in, to what, and until when."""

import io
import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from common.api_keys import ApiKey, KeyFile
from common.jobs.record import Outcome
from common.key_uses import KeyUses
from common.redis_client import connect
from common.settings import Settings
from tests.fake_worker import FakeWorker
from tests.unit.access.conftest import Sender
from web.access.guard import OPEN_ENDPOINTS
from web.app_factory import create_app

MakeKey = Callable[..., tuple[ApiKey, str]]
MakeImage = Callable[..., bytes]


def test_without_a_key_nothing_but_what_tells_of_nobody_is_answered(settings: Settings, stranger: Sender) -> None:
    """Every route of the application, those that are added later too."""
    app = create_app(settings)
    let_in = {}
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for argument in rule.arguments:
            path = path.replace(f"<{argument}>", "x").replace(f"<path:{argument}>", "x")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            status = stranger.ask(method, path).status_code
            sent_to_sign_in = status == 303 and not path.startswith("/api/")
            if status != 401 and not sent_to_sign_in:
                let_in[f"{method} {path}"] = rule.endpoint
    assert set(let_in.values()) <= OPEN_ENDPOINTS
    assert "GET /healthz" in let_in


def test_a_key_opens_what_its_scopes_name(client: FlaskClient, make_key: MakeKey, make_image: MakeImage) -> None:
    submitting, reading, admin = (Sender(client, make_key(scope)[1]) for scope in ("submit", "read", "admin"))
    submitted = submitting.submit(make_image())
    assert submitted.status_code == 202
    address = submitted.get_json()["links"]["self"]
    assert submitting.ask("GET", address).status_code == 403
    assert reading.ask("GET", address).status_code == 200
    refused = reading.submit(make_image())
    assert (refused.status_code, refused.get_json()["code"]) == (403, "scope_missing")
    assert reading.ask("DELETE", address).status_code == 403
    for tells in ("/metrics", "/system", "/system/state", "/api/v1/corrections"):
        assert [sender.ask("GET", tells).status_code for sender in (submitting, reading, admin)] == [403, 403, 200]
    corrected = [
        sender.ask("PUT", f"{address}/correction", json={"label": "other"}) for sender in (submitting, reading)
    ]
    assert [answer.get_json()["code"] for answer in corrected] == ["result_missing", "scope_missing"]
    assert [sender.ask("GET", f"{address}/image").status_code for sender in (submitting, reading)] == [403, 200]
    assert admin.ask("DELETE", address).status_code == 204


def test_a_key_that_may_not_read_learns_no_answer_by_correcting_it(
    client: FlaskClient, make_key: MakeKey, make_image: MakeImage, settings: Settings
) -> None:
    submitting, both = (Sender(client, make_key(*scopes)[1]) for scopes in (("submit",), ("submit", "read")))
    job = submitting.submit(make_image()).get_json()
    worker = FakeWorker(settings)
    worker.succeed(worker.claim())
    page = f"/jobs/{job['id']}/correction"
    for path, sent in ((page, {"label": "other"}), (f"{page}/withdraw", {})):
        answers = [sender.ask("POST", path, data=sent, headers={"HX-Request": "true"}) for sender in (submitting, both)]
        assert [answer.status_code for answer in answers] == [303, 200]


@pytest.mark.parametrize("outcome", [*Outcome, None], ids=str)
def test_a_key_that_may_not_read_is_told_the_same_of_every_answer_that_it_calls_right(
    client: FlaskClient, make_key: MakeKey, make_image: MakeImage, settings: Settings, outcome: Outcome | None
) -> None:
    submitting = Sender(client, make_key("submit")[1])
    job = submitting.submit(make_image()).get_json()["id"]
    worker = FakeWorker(settings)
    if outcome is not None:
        worker.succeed(worker.claim(), outcome=outcome)
    said = submitting.ask("PUT", f"/api/v1/jobs/{job}/correction", json={"verdict": "right"})
    assert (said.status_code, said.get_json()["code"]) == (403, "scope_missing")
    assert submitting.ask("POST", f"/jobs/{job}/correction", data={"verdict": "right"}).status_code == 403
    reading = Sender(client, make_key("submit", "read")[1])
    status = {Outcome.ANSWERED: 204, Outcome.NOT_DENTAL: 204, Outcome.UNCERTAIN: 422, None: 409}[outcome]
    assert reading.ask("PUT", f"/api/v1/jobs/{job}/correction", json={"verdict": "right"}).status_code == status


def test_a_program_without_a_key_is_told_how_to_send_one(stranger: Sender, make_image: MakeImage) -> None:
    refused = stranger.submit(make_image())
    assert (refused.status_code, refused.get_json()["code"]) == (401, "key_missing")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="dentiq"'
    assert "Authorization: Bearer" in refused.get_json()["detail"]


@pytest.mark.parametrize("broken", ["", "dentiq_", "x", "dentiq_0123456789_" + "A" * 43, "é", "a" * 9000])
def test_what_is_no_key_is_refused(client: FlaskClient, broken: str) -> None:
    refused = client.get("/api/v1/models", headers={"Authorization": f"Bearer {broken}"})
    assert (refused.status_code, refused.get_json()["code"]) == (401, "key_invalid")


def test_the_right_id_with_another_secret_is_refused(client: FlaskClient, make_key: MakeKey) -> None:
    (_, mine), (_, other) = make_key("read"), make_key("read")
    mixed = mine[:18] + other[18:]
    assert Sender(client, mixed).ask("GET", "/api/v1/models").status_code == 401
    assert Sender(client, mine).ask("GET", "/api/v1/models").status_code == 200


def test_a_revoked_key_opens_nothing_from_then_on_and_without_a_restart(
    client: FlaskClient, keys: KeyFile, make_key: MakeKey
) -> None:
    key, text = make_key("read")
    sender = Sender(client, text)
    assert sender.ask("GET", "/api/v1/models").status_code == 200
    keys.revoke(key.id)
    assert sender.ask("GET", "/api/v1/models").status_code == 401


def test_the_file_holds_no_key_and_no_other_user_may_read_it(keys: KeyFile, make_key: MakeKey) -> None:
    _, text = make_key("read")
    content = keys.path.read_text()
    assert text not in content
    assert text.split("_", 2)[2] not in content
    assert json.loads(content)["keys"][0]["name"] == "clinic"
    assert keys.path.stat().st_mode & 0o077 == 0


def test_a_damaged_file_lets_nobody_in(client: FlaskClient, keys: KeyFile, make_key: MakeKey) -> None:
    sender = Sender(client, make_key("admin")[1])
    assert sender.ask("GET", "/api/v1/models").status_code == 200
    keys.path.write_text('{"keys": [{"id": "x"}]}')
    assert sender.ask("GET", "/api/v1/models").status_code == 503


def test_on_loopback_nobody_is_asked_and_nothing_is_counted(
    redis_url: str, settings: Settings, make_image: MakeImage
) -> None:
    local = settings.model_copy(update={"web_bind": "127.0.0.1", "address_requests_per_minute": 1})
    sender = Sender(create_app(local).test_client())
    assert [sender.submit(make_image()).status_code for _ in range(3)] == [202] * 3
    assert not sender.ask("GET", "/api/v1/openapi.json").get_json()["components"].get("securitySchemes")


def test_behind_a_proxy_on_the_same_machine_keys_can_be_required(settings: Settings) -> None:
    behind = settings.model_copy(update={"web_bind": "127.0.0.1", "require_keys": True})
    assert Sender(create_app(behind).test_client()).ask("GET", "/api/v1/models").status_code == 401


def test_the_openapi_document_says_which_operations_want_a_key(stranger: Sender) -> None:
    document = stranger.ask("GET", "/api/v1/openapi.json").get_json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    submit = document["paths"]["/api/v1/jobs"]["post"]
    assert {"key": []} in submit["security"]
    assert {"401", "403", "429"} <= set(submit["responses"])
    assert document["paths"]["/healthz"]["get"]["security"] == []


def test_the_last_use_of_a_key_is_known(sender: Sender, settings: Settings, keys: KeyFile) -> None:
    sender.ask("GET", "/api/v1/models")
    with connect(settings.effective_job_store_url, timeout_seconds=2, max_connections=1) as client:
        assert set(KeyUses(client).latest()) == {keys.active()[0].id}


def test_a_path_that_leads_nowhere_is_a_404_for_everybody(stranger: Sender) -> None:
    assert stranger.ask("GET", "/nothing").status_code == 404


def test_refusals_are_counted(client: FlaskClient, stranger: Sender, make_key: MakeKey) -> None:
    stranger.ask("GET", "/api/v1/models")
    admin = Sender(client, make_key("admin")[1])
    shown = admin.ask("GET", "/metrics").get_data(as_text=True)
    assert 'dentiq_requests_refused_total{reason="key_missing"} 1.0' in shown


def test_an_idempotency_key_is_its_senders_alone(client: FlaskClient, make_key: MakeKey, make_image: MakeImage) -> None:
    one, other = (Sender(client, make_key("submit", "read")[1]) for _ in range(2))
    repeatable = {"Idempotency-Key": "monday"}

    def make_batch(sender: Sender) -> str:
        return str(sender.ask("POST", "/api/v1/batches", json={}, headers=repeatable).headers["Location"])

    batch = make_batch(one)
    assert make_batch(one) == batch
    assert make_batch(other) != batch

    def new_ids(sender: Sender) -> tuple[str, str]:
        job = sender.ask("POST", "/api/v1/jobs", data={"image": (io.BytesIO(image), "a.jpg")}, headers=repeatable)
        added = sender.ask("POST", f"{batch}/images", data={"images": (io.BytesIO(image), "a.jpg")}, headers=repeatable)
        return job.get_json()["id"], added.get_json()["accepted"][0]["id"]

    image = make_image()
    first = new_ids(one)
    assert new_ids(one) == first
    assert not set(new_ids(other)) & set(first)
