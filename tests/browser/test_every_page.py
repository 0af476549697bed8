"""Every page for every reader: no serious barrier by axe-core, no sideways scroll, and a picture to look at."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from common.jobs.record import Claim, Outcome
from tests.browser.conftest import barriers
from tests.fake_worker import LABELS, FakeWorker
from tests.web_server import WebServer

OpenPage = Callable[..., Page]
Screenshot = Callable[[Page, str], None]

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
READERS = {
    "en-light-1280": {"locale": "en-GB"},
    "en-dark-360": {"locale": "en-GB", "color_scheme": "dark", **PHONE},
    "fr-light-360": {"locale": "fr-FR", **PHONE},
    "fr-dark-1280": {"locale": "fr-FR", "color_scheme": "dark"},
}


def drawn_jaw(seed: int) -> bytes:
    """Draw teeth, for pictures that may be shown to everybody."""
    width, height = 640, 420
    jaw = Image.new("RGB", (width, height), (150 + seed * 7 % 60, 80, 90))
    pen = ImageDraw.Draw(jaw)
    for number in range(14):
        row, place = divmod(number, 7)
        left, tall = 30 + place * 84, 120 + (seed * 13 + number * 29) % 45
        top = height // 2 - tall - 6 if row == 0 else height // 2 + 6
        white = 222 + (seed + number) % 4 * 8
        pen.rounded_rectangle((left, top, left + 76, top + tall), 24, fill=(white, white - 8, white - 40))
        if (seed + number) % 6 == 0:
            pen.ellipse((left + 24, top + 40, left + 44, top + 64), fill=(92, 62, 40))
    buffer = io.BytesIO()
    jaw.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@dataclass(frozen=True)
class Gallery:
    """A platform with one of each kind of result and a batch, and the addresses of its pages."""

    pages: dict[str, str]


def certainly(label: str, probability: float) -> tuple[float, ...]:
    rest = (1 - probability) / (len(LABELS) - 1)
    return tuple(probability if name == label else rest for name in LABELS)


def finish_batch(worker: FakeWorker, claims: list[Claim]) -> None:
    for number, claim in enumerate(claims):
        if number == 4:
            worker.fail([claim], code="image_truncated")
            continue
        outcome = {3: Outcome.NOT_DENTAL, 6: Outcome.UNCERTAIN}.get(number, Outcome.ANSWERED)
        probability = 0.45 if outcome is Outcome.UNCERTAIN else 0.99 - number * 0.02
        worker.succeed([claim], outcome=outcome, probabilities=certainly(LABELS[number % 7], probability))


@pytest.fixture
def gallery(web: WebServer, worker: FakeWorker) -> Gallery:
    with httpx.Client(base_url=web.url) as client:

        def submit(number: int) -> str:
            answer = client.post("/api/v1/jobs", files={"image": (f"jaw {number}.jpg", drawn_jaw(number))})
            page: str = answer.json()["links"]["page"]
            return page

        pages = {"answered": submit(1)}
        worker.succeed(worker.claim())
        pages["uncertain"] = submit(2)
        worker.succeed(worker.claim(), outcome=Outcome.UNCERTAIN, probabilities=certainly("caries", 0.4))
        pages["not-dental"] = submit(3)
        worker.succeed(worker.claim(), outcome=Outcome.NOT_DENTAL)
        pages["failed"] = submit(4)
        worker.fail(worker.claim(), code="image_truncated")
        batch = client.post("/api/v1/batches", json={"name": "School visit, Monday"}).json()["id"]
        files = [("images", (f"class 3b/{number:03d}.jpg", drawn_jaw(number))) for number in range(18)]
        client.post(f"/api/v1/batches/{batch}/images", files=files).raise_for_status()
        finish_batch(worker, worker.claim()[:14])
        pages["queued"] = submit(5)
    return Gallery(
        pages
        | {
            "upload": "/",
            "batch": f"/batches/{batch}",
            "batch-failed": f"/batches/{batch}?show=failed",
            "pathologies": "/pathologies",
            "pathology": "/pathologies/caries",
            "model-card": "/model",
            "api": "/api/docs",
            "system": "/system",
            "sign-in": "/sign-in",
            "not-found": "/nowhere",
        }
    )


def test_the_look_for_barriers_finds_one(open_page: OpenPage) -> None:
    page = open_page("/pathologies")
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert [found.split(":")[0] for found in barriers(page)] == ["button-name"]


# Fifteen pages, each looked at whole: a minute on two busy cores.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("reader", READERS)
def test_no_page_has_a_barrier_or_scrolls_sideways(
    open_page: OpenPage, gallery: Gallery, screenshot: Screenshot, reader: str
) -> None:
    page = open_page("/", **READERS[reader])
    faults: dict[str, list[str]] = {}
    for name, address in gallery.pages.items():
        page.goto(address)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", reader[:2])
        found = barriers(page)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append("scrolls sideways")
        if found:
            faults[name] = found
        screenshot(page, f"{name}-{reader}")
    assert faults == {}


def test_every_page_is_reached_from_the_head_or_the_foot(open_page: OpenPage) -> None:
    page = open_page("/")
    for name, title in {
        "Pathologies": "Pathologies",
        "Model": "20",
        "System": "System",
        "Check photos": "Check photos of teeth or gums",
    }.items():
        page.get_by_role("link", name=name, exact=True).first.click()
        expect(page.locator("h1")).to_contain_text(title)


def test_a_result_is_printed_with_its_answer_and_without_controls(
    open_page: OpenPage, gallery: Gallery, screenshot: Screenshot
) -> None:
    page = open_page(gallery.pages["answered"])
    page.emulate_media(media="print")
    for kept in (".photo", "h1", ".bars", ".facts", ".disclaimer"):
        expect(page.locator(kept).first).to_be_visible()
    for gone in (".pages", ".languages", ".actions", ".explanation"):
        expect(page.locator(gone).first).to_be_hidden()
    screenshot(page, "print")
    # One sheet: a page of a PDF each sheet.
    assert page.pdf(format="A4").count(b"/Type /Page\n") == 1
