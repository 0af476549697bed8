"""The same pages for other readers: French, dark, on a phone, by keyboard, without scripts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PLAIN_HOST
from tests.fake_worker import FakeWorker
from tests.web_server import WebServer

OpenPage = Callable[..., Page]
Screenshot = Callable[[Page, str], None]

READERS = {
    "desktop": {},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
    "dark": {"color_scheme": "dark"},
    "french": {"locale": "fr-FR"},
}
HEADLINE = {"french": "Carie, 85,0 %"}


@pytest.mark.parametrize("reader", READERS)
def test_upload_and_result_fit_every_reader(
    open_page: OpenPage, worker: FakeWorker, photo: Path, screenshot: Screenshot, reader: str
) -> None:
    page = open_page("/", **READERS[reader])
    screenshot(page, f"{reader}-upload")
    page.locator("input[name=image]").set_input_files(photo)
    expect(page.locator(".picture .photo")).to_be_visible()
    screenshot(page, f"{reader}-queued")
    worker.succeed(worker.claim())
    expect(page.locator("h1")).to_have_text(HEADLINE.get(reader, "Caries, 85.0%"))
    screenshot(page, f"{reader}-answered")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def test_the_switch_overrides_the_browsers_language_and_is_remembered(open_page: OpenPage) -> None:
    page = open_page("/", locale="fr-FR")
    expect(page.locator("h1")).to_have_text("Examiner des photos de dents ou de gencives")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_have_text("Check photos of teeth or gums")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_switch_keeps_a_result_that_came_without_a_reload(
    open_page: OpenPage, worker: FakeWorker, photo: Path
) -> None:
    page = open_page("/")
    page.locator("input[name=image]").set_input_files(photo)
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")
    worker.succeed(worker.claim())
    expect(page.locator("h1")).to_have_text("Caries, 85.0%")
    address = page.url
    page.get_by_role("link", name="Français").click()
    expect(page.locator("h1")).to_have_text("Carie, 85,0 %")
    assert page.url == address
    assert page.locator("nav.languages").count() == 1


def test_a_refusal_is_told_in_french(open_page: OpenPage, tmp_path: Path) -> None:
    notes = tmp_path / "notes.jpg"
    notes.write_text("pas une image")
    page = open_page("/", locale="fr-FR")
    page.locator("input[name=image]").set_input_files(notes)
    expect(page.get_by_role("alert")).to_contain_text("Ce fichier n’est pas une photo lisible.")


def test_a_reader_without_scripts_sends_a_photo_by_the_form(
    open_page: OpenPage, worker: FakeWorker, photo: Path
) -> None:
    page = open_page("/", java_script_enabled=False)
    page.locator("input[name=image]").set_input_files(photo)
    page.get_by_role("button", name="Send the photo").click()
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")
    worker.succeed(worker.claim())
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("h1")).to_have_text("Caries, 85.0%")


@pytest.mark.parametrize("scripts", [True, False])
def test_over_plain_http_in_a_clinics_network_a_photo_is_taken(
    open_page: OpenPage, web: WebServer, worker: FakeWorker, photo: Path, scripts: bool
) -> None:
    # A browser then sends no Sec-Fetch-Site: our own form must be known by its origin.
    page = open_page("/", base_url=f"http://{PLAIN_HOST}:{web.settings.port}", java_script_enabled=scripts)
    page.locator("input[name=image]").set_input_files(photo)
    if not scripts:
        page.get_by_role("button", name="Send the photo").click()
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")


def test_a_keyboard_reaches_everything_and_focus_follows_the_result(
    open_page: OpenPage, worker: FakeWorker, photo: Path
) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.locator("input[name=image]").focus()
        page.keyboard.press("Space")
    chooser.value.set_files(photo)
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")
    expect(page.locator("h1")).to_be_focused()
