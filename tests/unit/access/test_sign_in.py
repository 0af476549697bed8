"""Signing in with a browser: what the cookie may do, and what no other site can make it do."""

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.http import parse_cookie
from werkzeug.test import TestResponse

from common.api_keys import ApiKey, KeyFile
from common.settings import Settings
from tests.fake_worker import FakeWorker
from tests.unit.access.conftest import Sender
from web.access.guard import COOKIE
from web.app_factory import create_app

MakeKey = Callable[..., tuple[ApiKey, str]]
MakeImage = Callable[..., bytes]


def sign_in(client: FlaskClient, text: str, **headers: str) -> TestResponse:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(
        "/sign-in", data={"key": text, "next": "/system"}, headers={"Sec-Fetch-Site": "same-origin", **headers}
    )


def test_a_page_leads_to_the_form_and_the_form_back_to_the_page(client: FlaskClient, make_key: MakeKey) -> None:
    led = client.get("/?erased=1")
    assert (led.status_code, led.headers["Location"]) == (303, "/sign-in?next=/?erased%3D1")
    shown = client.get(led.headers["Location"]).get_data(as_text=True)
    assert 'value="/?erased=1"' in shown
    assert 'type="password"' in shown
    entered = sign_in(client, f"  {make_key('admin')[1]} ")
    assert (entered.status_code, entered.headers["Location"]) == (303, "/system")
    page = client.get("/system")
    assert page.status_code == 200
    assert "Sign out" in page.get_data(as_text=True)


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client: FlaskClient, make_key: MakeKey) -> None:
    _, text = make_key("read")
    cookie = sign_in(client, text).headers["Set-Cookie"]
    assert text not in cookie
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    over_tls = sign_in(client, text, X_Forwarded_Proto="https").headers["Set-Cookie"]
    assert "Secure" in over_tls


def test_the_cookie_begins_anew_with_each_sign_in(client: FlaskClient, make_key: MakeKey) -> None:
    _, text = make_key("read")
    cookies = {parse_cookie(sign_in(client, text).headers["Set-Cookie"])[COOKIE] for _ in range(3)}
    assert len(cookies) == 3


def test_a_wrong_key_is_told_and_begins_nothing(client: FlaskClient) -> None:
    refused = sign_in(client, "dentiq_wrong")
    assert refused.status_code == 401
    assert 'data-code="key_invalid"' in refused.get_data(as_text=True)
    assert "Set-Cookie" not in refused.headers


@pytest.mark.parametrize("target", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", ""])
def test_signing_in_leads_nowhere_but_here(client: FlaskClient, make_key: MakeKey, target: str) -> None:
    entered = client.post("/sign-in", data={"key": make_key("read")[1], "next": target})
    assert entered.headers["Location"] == "/"


def test_signing_out_ends_the_session_on_the_server_too(client: FlaskClient, make_key: MakeKey) -> None:
    cookie = parse_cookie(sign_in(client, make_key("admin")[1]).headers["Set-Cookie"])[COOKIE]
    assert client.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    client.set_cookie(COOKIE, cookie)
    assert client.get("/system").status_code == 303


def test_signing_in_again_ends_the_session_before(client: FlaskClient, make_key: MakeKey) -> None:
    first = parse_cookie(sign_in(client, make_key("admin")[1]).headers["Set-Cookie"])[COOKIE]
    sign_in(client, make_key("read")[1])
    client.set_cookie(COOKIE, first)
    assert client.get("/system").status_code == 303


def test_revoking_a_key_ends_its_sessions(client: FlaskClient, keys: KeyFile, make_key: MakeKey) -> None:
    key, text = make_key("admin")
    sign_in(client, text)
    assert client.get("/system").status_code == 200
    keys.revoke(key.id)
    assert client.get("/system").status_code == 303


def test_a_part_of_a_page_without_a_session_sends_the_whole_page_to_the_form(client: FlaskClient) -> None:
    answer = client.get("/jobs/x/status", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")


CROSS_SITE = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another server of the domain": {"Sec-Fetch-Site": "same-site"},
    "an origin": {"Origin": "https://elsewhere.example"},
    "no origin at all": {},
}


@pytest.mark.parametrize("headers", CROSS_SITE.values(), ids=CROSS_SITE.keys())
def test_another_site_cannot_use_the_cookie(
    client: FlaskClient, settings: Settings, make_key: MakeKey, make_image: MakeImage, headers: dict[str, str]
) -> None:
    text = make_key("submit", "read")[1]
    program = Sender(create_app(settings).test_client(), text)
    address = program.submit(make_image()).get_json()["links"]["self"]
    sign_in(client, text)
    assert client.delete(address, headers=headers).status_code == 403
    assert program.ask("GET", address).status_code == 200
    assert client.delete(address, headers={"Origin": "http://localhost"}).status_code == 204


def test_a_signed_in_reader_sends_a_photograph_and_sees_its_result(
    client: FlaskClient, settings: Settings, make_key: MakeKey, make_image: MakeImage
) -> None:
    sign_in(client, make_key("submit", "read")[1])
    sent = client.post("/", data={"image": (io.BytesIO(make_image()), "a.jpg")}, headers={"Origin": "http://localhost"})
    assert sent.status_code == 303
    worker = FakeWorker(settings)
    worker.succeed(worker.claim())
    page = client.get(sent.headers["Location"])
    assert page.status_code == 200
    preview = client.get(f"/api/v1/jobs/{sent.headers['Location'].rpartition('/')[2]}/preview")
    assert preview.status_code == 200
