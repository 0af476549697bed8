"""What a person does: send a photo, watch it, read the answer, erase it."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.fake_worker import FakeWorker

OpenPage = Callable[..., Page]
Screenshot = Callable[[Page, str], None]


def choose(page: Page, photo: Path) -> None:
    page.locator("input[type=file]").set_input_files(photo)


def test_a_chosen_photo_is_shown_queued_and_then_answered_without_a_reload(
    open_page: OpenPage, worker: FakeWorker, photo: Path, screenshot: Screenshot
) -> None:
    page = open_page()
    screenshot(page, "upload")
    loads: list[str] = []
    page.on("domcontentloaded", lambda loaded: loads.append(loaded.url))
    choose(page, photo)
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")
    expect(page.locator(".picture img")).to_be_visible()
    screenshot(page, "queued")
    assert re.search(r"/jobs/[a-z2-7]{24}$", page.url)
    claims = worker.claim()
    expect(page.locator("h1")).to_have_text("The photo is being analysed")
    screenshot(page, "running")
    worker.succeed(claims)
    expect(page.locator("h1")).to_have_text("Caries, 85.0%")
    screenshot(page, "answered")
    assert page.locator(".bars li").count() == 7
    expect(page.locator(".bars li").first).to_contain_text("Caries")
    expect(page.get_by_text("Ask a dentist before you decide")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("test-1")
    expect(page.locator("#announcer")).to_have_text("Caries, 85.0%")
    assert loads == []
