"""What the upload page tells when many photographs cannot all be sent: a refusal midway, a file that went away."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.fake_worker import FakeWorker
from tests.web_server import WebServer

OpenPage = Callable[..., Page]
Screenshot = Callable[[Page, str], None]

GONE = "This file can no longer be read. It may have been moved, changed or removed."

# A drop as the browser hands it over, with entries that a test cannot drop: files and a folder that cannot be read.
DROP = """(names) => {
    const fails = (_, failed) => failed(new DOMException("gone", "NotReadableError"));
    const unread = { isDirectory: false, fullPath: "/gone.jpg", file: fails };
    const locked = { isDirectory: true, fullPath: "/locked", createReader: () => ({ readEntries: fails }) };
    const vanished = new File(["x"], "vanished.jpg", { type: "image/jpeg" });
    vanished.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) });
    const late = { isDirectory: false, fullPath: "/vanished.jpg", file: (took) => took(vanished) };
    const known = { unread, locked, late };
    const items = names.map((name) => ({ webkitGetAsEntry: () => known[name] }));
    const drop = new Event("drop", { bubbles: true, cancelable: true });
    document.body.dispatchEvent(Object.assign(drop, { dataTransfer: { types: ["Files"], items, files: [] } }));
}"""


@pytest.fixture
def photos(tmp_path: Path, make_image: Callable[..., bytes]) -> list[Path]:
    paths = [tmp_path / f"{number}.jpg" for number in range(8)]
    for number, path in enumerate(paths):
        path.write_bytes(make_image(width=64 + number))
    return paths


def batch_of(request_address: str) -> str:
    found = re.search(r"/batches/([^/]+)/images$", request_address)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("status", [409, 401])
def test_a_refusal_midway_ends_all_sending_and_keeps_the_batch(
    open_page: OpenPage, web: WebServer, worker: FakeWorker, photos: list[Path], screenshot: Screenshot, *, status: int
) -> None:
    page = open_page()
    asked: list[Route] = []

    def hold_all_but_the_first(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.continue_()

    page.route("**/images", hold_all_but_the_first)
    begun: list[Request] = []
    page.on("request", lambda request: begun.append(request) if request.url.endswith("/images") else None)
    # Four requests, of which two are under way at a time.
    page.evaluate("document.getElementById('upload').dataset.portion = '2'")
    with page.expect_request(lambda _: len(begun) == 3):
        page.locator("input[name=image]").set_input_files(photos)
    expect(page.locator(".sending-many .count")).to_have_text("2 of 8 photos sent")
    batch = batch_of(asked[1].request.url)
    if status == 409:
        httpx.post(f"{web.url}/api/v1/batches/{batch}/cancel").raise_for_status()
        asked[1].continue_()
        why = "This batch was cancelled and takes no more photos. Start a new one."
    else:
        asked[1].fulfill(status=401, content_type="application/problem+json", body='{"code": "key_invalid"}')
        why = "Your API key is not known here, or it was revoked. Sign in with another one."
    expect(page.get_by_role("heading", name="Sending ended early")).to_be_focused()
    expect(page.locator("#left-out .fault")).to_have_text(why)
    assert len(page.locator("#left-out li").all_inner_texts()) == 6
    expect(page.locator("#left-out li").first).to_contain_text("The server did not confirm this photo.")
    screenshot(page, f"sending-ended-{status}")
    page.get_by_role("button", name="Go to the batch").click()
    expect(page).to_have_url(f"{web.url}/batches/{batch}")
    # The third request was broken off and there was no fourth.
    assert len(begun) == 3
    assert worker.store.counts()["submitted"] == 2


def test_a_refusal_before_the_batch_says_the_servers_reason(open_page: OpenPage, photos: list[Path]) -> None:
    page = open_page()
    problem = '{"code": "scope_missing", "detail": "The key lacks submit."}'
    page.route(
        "**/api/v1/batches",
        lambda route: route.fulfill(status=403, content_type="application/problem+json", body=problem),
    )
    page.locator("input[name=image]").set_input_files(photos)
    expect(page.get_by_role("alert")).to_have_text("Your API key may not do this. Ask the operator of this service.")
    expect(page.locator(".drop-zone")).to_be_visible()


def test_a_file_that_went_away_is_named_and_keeps_no_other_back(
    open_page: OpenPage, worker: FakeWorker, photos: list[Path]
) -> None:
    page = open_page()

    def take_away_and_go_on(route: Route) -> None:
        photos[3].unlink()
        route.continue_()

    page.route("**/api/v1/batches", take_away_and_go_on)
    page.locator("input[name=image]").set_input_files(photos)
    expect(page.get_by_role("heading", name="Some files were not taken")).to_be_focused()
    assert page.locator("#left-out li").all_inner_texts() == [f"3.jpg {GONE}"]
    assert worker.store.counts()["submitted"] == 7


def test_a_drop_of_what_cannot_be_read_says_so(open_page: OpenPage) -> None:
    page = open_page()
    for names in (["unread"], ["locked", "unread"], ["late"]):
        page.evaluate(DROP, names)
        expect(page.get_by_role("alert")).to_have_text(GONE)
        expect(page.locator(".drop-zone .invitation").first).to_be_visible()
        page.reload()
