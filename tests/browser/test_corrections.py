"""A reader says whether an answer is right: with a mouse, by keyboard, without scripts, while the server is away."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from common.jobs.record import Outcome
from tests.browser.conftest import barriers
from tests.browser.test_every_page import READERS, drawn_jaw
from tests.fake_worker import FakeWorker
from tests.web_server import WebServer

OpenPage = Callable[..., Page]
Screenshot = Callable[[Page, str], None]
Answered = Callable[..., str]


@pytest.fixture
def answered(web: WebServer, worker: FakeWorker) -> Answered:
    """Make a job that ended, with `caries` as its first label; give the address of its page."""

    def make(outcome: Outcome = Outcome.ANSWERED) -> str:
        sent = httpx.post(f"{web.url}/api/v1/jobs", files={"image": ("jaw.jpg", drawn_jaw(1))}).json()
        worker.succeed(worker.claim(), outcome=outcome)
        address: str = sent["links"]["page"]
        return address

    return make


def stored(web: WebServer, address: str) -> str | None:
    correction = httpx.get(f"{web.url}/api/v1{address}").json()["correction"]
    return correction and correction["label"]


def test_an_answer_is_marked_right_changed_and_withdrawn_without_a_reload(
    open_page: OpenPage, web: WebServer, answered: Answered, screenshot: Screenshot
) -> None:
    address = answered()
    page = open_page(address)
    loads: list[str] = []
    page.on("domcontentloaded", lambda loaded: loads.append(loaded.url))
    marks = page.locator("#correction")
    marks.get_by_role("button", name="Right").click()
    expect(marks.locator(".kept")).to_have_text("The answer is right: Caries")
    expect(page.locator("#announcer")).to_have_text("The answer is right: Caries")
    expect(marks.locator("h2")).to_be_focused()
    assert stored(web, address) == "caries"
    marks.get_by_text("Change").click()
    marks.get_by_label("What the photo shows").select_option("gingivitis")
    screenshot(page, "correction-changing")
    marks.get_by_role("button", name="Save").click()
    expect(marks.locator(".kept")).to_have_text("The photo shows: Gingivitis")
    assert stored(web, address) == "gingivitis"
    marks.get_by_role("button", name="Withdraw").click()
    expect(marks.locator("h2")).to_have_text("Is this answer right?")
    expect(page.locator("#announcer")).to_have_text("Withdrawn")
    assert stored(web, address) is None
    assert loads == []


def test_a_keyboard_alone_says_what_is_wrong(open_page: OpenPage, web: WebServer, answered: Answered) -> None:
    address = answered()
    page = open_page(address)
    marks = page.locator("#correction")
    marks.get_by_role("button", name="Right").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(marks.get_by_label("What the photo shows")).to_be_focused()
    # The one choice of this letter: more of them would have to come quickly.
    page.keyboard.press("M")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(marks.locator(".kept")).to_have_text("The photo shows: Mouth ulcer")
    assert stored(web, address) == "ulcer"


def test_nothing_chosen_is_not_saved(open_page: OpenPage, web: WebServer, answered: Answered) -> None:
    address = answered()
    page = open_page(address)
    marks = page.locator("#correction")
    marks.get_by_text("Wrong").click()
    marks.get_by_role("button", name="Save").click()
    expect(marks.get_by_label("What the photo shows")).to_be_focused()
    assert stored(web, address) is None


def test_a_reader_without_scripts_marks_by_the_form(open_page: OpenPage, web: WebServer, answered: Answered) -> None:
    address = answered(Outcome.UNCERTAIN)
    page = open_page(address, java_script_enabled=False)
    page.locator("#correction select").select_option("caries")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".kept")).to_have_text("The photo shows: Caries")
    assert stored(web, address) == "caries"


def test_a_mark_that_cannot_be_saved_says_so(
    open_page: OpenPage, web: WebServer, worker: FakeWorker, answered: Answered
) -> None:
    address = answered()
    page = open_page(address)
    marks = page.locator("#correction")
    web.stop()
    marks.get_by_role("button", name="Right").click()
    expect(marks.get_by_role("alert")).to_have_text("The server does not answer. Nothing was saved; try again.")
    web.start()
    worker.store.erase(address.rpartition("/")[2])
    marks.get_by_role("button", name="Right").click()
    expect(page.get_by_text("There is no such result")).to_be_visible()


@pytest.mark.parametrize("reader", READERS)
def test_marking_has_no_barrier_and_fits(
    open_page: OpenPage, answered: Answered, screenshot: Screenshot, reader: str
) -> None:
    page = open_page(answered(), **READERS[reader])
    marks = page.locator("#correction")
    marks.locator("summary").click()
    expect(marks.locator("select")).to_be_visible()
    screenshot(page, f"correction-asked-{reader}")
    found = barriers(page)
    marks.locator("select").select_option("discoloration")
    marks.locator("details button").click()
    expect(marks.locator(".kept")).to_be_visible()
    screenshot(page, f"correction-kept-{reader}")
    assert found + barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
