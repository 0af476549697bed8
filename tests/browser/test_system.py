"""The system page keeps itself fresh and leaves its reader alone."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from tests.browser.test_every_page import drawn_jaw
from tests.fake_worker import FakeWorker
from tests.web_server import WebServer


def test_an_open_page_follows_the_queue_and_keeps_the_focus(
    open_page: Callable[..., Page], web: WebServer, worker: FakeWorker
) -> None:
    worker.be_alive(life_seconds=600)
    page = open_page("/system")
    waiting = page.locator("#state tbody tr td").first
    expect(waiting).to_have_text("0")
    loads: list[str] = []
    page.on("domcontentloaded", lambda loaded: loads.append(loaded.url))
    page.get_by_role("link", name="API").last.focus()
    httpx.post(f"{web.url}/api/v1/jobs", files={"image": ("jaw.jpg", drawn_jaw(1))}).raise_for_status()
    expect(waiting).to_have_text("1")
    expect(page.get_by_role("link", name="API").last).to_be_focused()
    # Nothing was wrong: nothing was worth being read out.
    expect(page.locator("#announcer")).to_have_text("")
    worker.succeed(worker.claim())
    expect(waiting).to_have_text("0")
    web.stop()
    expect(page.locator("#connection")).to_be_visible()
    web.start()
    expect(page.locator("#connection")).to_be_hidden()
    assert loads == []
