"""The pages as a French reader gets them: no sign stands where French does not put it, whatever wrote it."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from common.jobs.record import Outcome
from common.settings import Settings
from tests.fake_worker import FakeWorker
from tests.unit.web.conftest import Api
from web.app_factory import create_app

ROOT = Path(__file__).resolve().parents[3]

# French puts a space before these signs, one that does not break: narrow before ; ! ? and wide before the colon.
WRONG = re.compile(r" [:;!?»]|« |[^\W\d_][:;!?](?=\s|$)")

_WITHOUT_END = frozenset({"br", "hr", "img", "input", "link", "meta", "source", "path", "circle", "rect"})
# Titles of works, in `em`, are cited as they are.
_NO_PROSE = frozenset({"script", "style", "code", "pre", "em"})


class French(HTMLParser):
    """Collects what a page says in French, in texts and in what a screen reader is told."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._kinds: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        before = self._kinds[-1][1] if self._kinds else False
        is_french = named["lang"] == "fr" if "lang" in named else before and tag not in _NO_PROSE
        if is_french:
            self.texts += [named[name] or "" for name in ("alt", "title", "aria-label", "placeholder") if name in named]
        if tag not in _WITHOUT_END:
            self._kinds.append((tag, is_french))

    def handle_endtag(self, tag: str) -> None:
        while self._kinds and tag not in _WITHOUT_END and self._kinds.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._kinds and self._kinds[-1][1] and data.strip():
            self.texts.append(data.strip())


def french(page: str) -> list[str]:
    reader = French()
    reader.feed(page)
    assert reader.texts, "the page says nothing in French"
    return reader.texts


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    model_store = settings.model_copy(update={"model_store_dir": ROOT / "model_store"})
    client = create_app(model_store).test_client()
    client.set_cookie("language", "fr")
    return client


@pytest.fixture
def addresses(api: Api, worker: FakeWorker, make_image: Callable[..., bytes]) -> list[str]:
    """Pages of each kind, a result of each kind among them."""
    made = []
    for outcome in Outcome:
        job = api.accepted(make_image())
        worker.succeed(worker.claim(), outcome=outcome)
        made.append(job)
    failed = api.accepted(make_image())
    worker.fail(worker.claim(), code="image_truncated")
    results = [job["links"]["page"] for job in (*made, failed, api.accepted(make_image()))]
    batch = api.client.post("/api/v1/batches", json={"name": "Lundi"}).get_json()["id"]
    return [
        *("/", "/pathologies", "/pathologies/caries", "/model", "/system", "/nowhere", "/jobs/gone", "/sign-in"),
        *("/api/docs", f"/batches/{batch}", *results),
    ]


def test_no_page_has_a_sign_where_french_puts_none(client: FlaskClient, addresses: list[str]) -> None:
    found = {
        address: [text for text in french(client.get(address, follow_redirects=True).text) if WRONG.search(text)]
        for address in addresses
    }
    assert {address: texts for address, texts in found.items() if texts} == {}


def test_an_error_page_names_its_code_and_request_in_french(client: FlaskClient) -> None:
    page = client.get("/nowhere").text
    assert "Code\u00a0: not_found" in page
    assert "Requête\u00a0: " in page


def test_the_page_of_the_api_is_in_the_readers_language(client: FlaskClient) -> None:
    page = client.get("/api/docs").text
    assert '<html lang="fr">' in page
    assert "Envoyer une image." in page
    english = client.get("/language/en?next=/api/docs", follow_redirects=True).text
    assert '<html lang="en">' in english
    assert "Submit one image." in english


def test_the_confusion_matrix_is_drawn_in_the_readers_language(client: FlaskClient) -> None:
    page = client.get("/model", follow_redirects=True).text
    drawn = page.partition('<svg class="confusion"')[2].partition("</svg>")[0]
    for expected in ("Carie", "Gingivite", "Vraie classe", "Réponse"):
        assert expected in drawn
    # On white, whatever the reader's colours are: a text without one of its own takes theirs.
    assert re.findall(r"<text(?![^>]*fill=)", drawn) == []
    # As many numbers as cells, and those of a row add up to its photographs.
    counts = [int(number) for number in re.findall(r"<text[^>]*>(\d+)</text>", drawn)]
    assert len(counts) == 7 * 7
    assert sum(counts) == 411
