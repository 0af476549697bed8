"""The page of the API shows all of the OpenAPI document, in the reader's language, and leads nowhere in vain."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.settings import Settings
from infra.refused_heads import REFUSED_HEADS
from web.api_texts import translations
from web.app_factory import create_app
from web.i18n import LANGUAGES
from web.sentences import known_codes

Document = dict[str, Any]

_PHRASES = {status.phrase for status in HTTPStatus}


@pytest.fixture
def document(client: FlaskClient) -> Document:
    described: Document = client.get("/api/v1/openapi.json").get_json()
    return described


def texts(part: Any) -> Iterator[str]:
    """Every text that people read, without the names of statuses."""
    if isinstance(part, dict):
        found = (part.get(name) for name in ("summary", "description"))
        yield from (text for text in found if isinstance(text, str) and text not in _PHRASES)
        for value in part.values():
            yield from texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from texts(value)


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_every_text_of_the_document_is_translated_and_no_other(document: Document, language: str) -> None:
    wanted = {text for name in ("tags", "paths", "components") for text in texts(document[name])}
    assert set(translations(language)) == wanted
    assert all(translations(language).values())


def test_what_nobody_translated_is_shown_in_english_and_says_so(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = translations("fr")
    assert 'class="words" lang="en"' not in client.get("/api/docs", headers={"Accept-Language": "fr"}).text
    monkeypatch.delitem(known, "Submit one image.")
    page = client.get("/api/docs", headers={"Accept-Language": "fr"}).text
    assert '<div class="words" lang="en"><p>Submit one image.</p>' in page


def test_the_page_shows_everything_once_and_every_link_leads_somewhere(client: FlaskClient, document: Document) -> None:
    page = client.get("/api/docs").text
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    operations = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert set(operations) | set(document["components"]["schemas"]) <= set(ids)
    assert page.count("<pre><code>curl ") == len(operations)
    for code in known_codes():
        assert f"<dt><code>{code}</code>" in page


def test_what_the_web_server_refuses_by_itself_is_described(client: FlaskClient, document: Document) -> None:
    """Web does not know that list, so it can forget one of it."""
    statuses = {str(head.status) for head in REFUSED_HEADS}
    assert all(
        statuses <= set(operation["responses"]) for path in document["paths"].values() for operation in path.values()
    )
    page = client.get("/api/docs").text
    for head in REFUSED_HEADS:
        under_its_status = page.partition(f'<h3 id="codes-{head.status}">')[2].partition("<h3 ")[0]
        assert f"<dt><code>{head.code}</code>" in under_its_status


def test_a_field_is_shown_with_its_type_its_bounds_and_whether_it_must_be_sent(client: FlaskClient) -> None:
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", client.get("/api/docs").text))
    for expected in (
        "Idempotency-Key string, at most 255 characters · in the header",
        "job_id string · in the path · required",
        "wait number, from 0, 0 if left out · in the query",
        "image file · required",
        "predictions list of PredictionDocument",
        "position integer or null",
        "counts object of integer",
        "probability number, from 0, up to 1",
        "queued or running or succeeded or failed or cancelled",
    ):
        assert expected in shown, expected


def test_examples_carry_a_key_where_the_server_asks_for_one(settings: Settings) -> None:
    guarded = create_app(settings.model_copy(update={"web_bind": "0.0.0.0"})).test_client()
    page = guarded.get("/api/docs").text
    shown = page.partition('id="submit_job"')[2].partition("</pre>")[0]
    assert "Authorization: Bearer $DENTIQ_API_KEY" in shown
    open_to_all = page.partition('id="healthz"')[2].partition("</pre>")[0]
    assert "curl" in open_to_all
    assert "DENTIQ_API_KEY" not in open_to_all
    assert "asks for API keys" in page
