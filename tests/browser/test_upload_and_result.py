"""What a person does: send a photo, watch it, read the answer, erase it."""

import base64
import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as NothingCame

from common.jobs.record import Outcome
from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer
from tests.web_server import WebServer, web_settings

OpenPage = Callable[..., Page]
Screenshot = Callable[[Page, str], None]


def choose(page: Page, photo: Path) -> None:
    page.locator("input[name=image]").set_input_files(photo)


def test_a_chosen_photo_is_shown_queued_and_then_answered_without_a_reload(
    open_page: OpenPage, worker: FakeWorker, photo: Path, screenshot: Screenshot
) -> None:
    page = open_page()
    screenshot(page, "upload")
    loads: list[str] = []
    page.on("domcontentloaded", lambda loaded: loads.append(loaded.url))
    choose(page, photo)
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")
    expect(page.locator(".picture .photo")).to_be_visible()
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


def test_a_photo_is_dropped_anywhere_on_the_page(
    open_page: OpenPage, worker: FakeWorker, photo: Path, screenshot: Screenshot
) -> None:
    page = open_page()
    transfer = page.evaluate_handle(
        """([name, base64]) => {
            const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, {type: "image/jpeg"}));
            return transfer;
        }""",
        [photo.name, base64.b64encode(photo.read_bytes()).decode()],
    )
    page.dispatch_event("h1", "dragenter", {"dataTransfer": transfer})
    expect(page.locator("body")).to_have_class("dragging")
    screenshot(page, "dragging")
    page.dispatch_event("h1", "drop", {"dataTransfer": transfer})
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")
    expect(page.locator(".picture figcaption")).to_have_text("my tooth.jpg")
    with worker.working():
        expect(page.locator("h1")).to_have_text("Caries, 85.0%")


def test_a_file_that_is_no_photo_is_refused_in_place_and_another_can_be_sent(
    open_page: OpenPage, worker: FakeWorker, photo: Path, tmp_path: Path, screenshot: Screenshot
) -> None:
    page = open_page()
    notes = tmp_path / "notes.jpg"
    notes.write_text("This is no picture.\n" * 50)
    choose(page, notes)
    expect(page.get_by_role("alert")).to_have_text(re.compile("This file is not a photo that can be read"))
    expect(page.locator(".drop-zone strong")).to_be_visible()
    assert page.url.endswith("/")
    screenshot(page, "refused")
    choose(page, photo)
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(25_000_000))
    choose(page, large)
    expect(page.get_by_role("alert")).to_have_text("This file is too large. Send a smaller copy of the photo.")
    assert "POST" not in requests


def test_an_upload_that_cannot_reach_the_server_says_so(
    open_page: OpenPage, web: WebServer, photo: Path, screenshot: Screenshot
) -> None:
    page = open_page()
    web.stop()
    choose(page, photo)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    screenshot(page, "unreachable")
    web.start()
    choose(page, photo)
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")


def test_a_result_page_survives_a_restart_of_the_server(
    open_page: OpenPage, web: WebServer, worker: FakeWorker, photo: Path, screenshot: Screenshot
) -> None:
    page = open_page()
    choose(page, photo)
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")
    web.stop()
    expect(page.locator("#connection")).to_be_visible()
    screenshot(page, "connection-lost")
    worker.succeed(worker.claim())
    web.start()
    expect(page.locator("h1")).to_have_text("Caries, 85.0%")
    expect(page.locator("#connection")).to_be_hidden()


def test_a_finished_page_asks_no_more(open_page: OpenPage, worker: FakeWorker, photo: Path) -> None:
    page = open_page()
    with worker.working():
        choose(page, photo)
        expect(page.locator("h1")).to_have_text("Caries, 85.0%")
    # Longer than the longest hold: a poll that had not stopped would come.
    with pytest.raises(NothingCame), page.expect_request("**/status*", timeout=6000):
        pass


def test_a_waiting_page_asks_less_and_less_often(open_page: OpenPage, photo: Path) -> None:
    page = open_page()
    choose(page, photo)
    expect(page.get_by_text("No worker is running at the moment.")).to_be_visible()
    instants = []
    for _ in range(4):
        with page.expect_request("**/status*"):
            pass
        instants.append(time.monotonic())
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    # Each is half as long again as the one before; a busy machine stretches single ones, hence the first and the last.
    assert gaps[-1] >= gaps[0] + 0.5
    assert gaps[0] >= 0.9


HEADLINES = {
    Outcome.UNCERTAIN: "No clear answer",
    Outcome.NOT_DENTAL: "This does not look like a photo of teeth or gums",
}


@pytest.mark.parametrize("outcome", HEADLINES)
def test_an_outcome_without_an_answer_is_an_answer_of_its_own(
    open_page: OpenPage, worker: FakeWorker, photo: Path, screenshot: Screenshot, outcome: Outcome
) -> None:
    page = open_page()
    choose(page, photo)
    expect(page.locator(".picture")).to_be_visible()
    worker.succeed(worker.claim(), outcome=outcome, probabilities=(0.2, 0.25, 0.15, 0.15, 0.1, 0.1, 0.05))
    expect(page.locator("h1")).to_have_text(HEADLINES[outcome])
    screenshot(page, f"outcome-{outcome.value}")


def test_a_failed_photo_says_why_and_what_to_do(
    open_page: OpenPage, worker: FakeWorker, photo: Path, screenshot: Screenshot
) -> None:
    photo.write_bytes(photo.read_bytes()[:900])
    page = open_page()
    choose(page, photo)
    expect(page.locator(".picture figcaption")).to_be_visible()
    worker.fail(worker.claim(), code="image_truncated")
    expect(page.locator(".notice.alert")).to_have_text(
        "The end of this photo is missing. Copy the file again, then send it."
    )
    expect(page.locator(".picture .photo")).to_be_hidden()
    screenshot(page, "failed")


def test_a_photo_is_erased_after_a_question(
    open_page: OpenPage, worker: FakeWorker, photo: Path, screenshot: Screenshot
) -> None:
    page = open_page()
    choose(page, photo)
    expect(page.locator(".picture")).to_be_visible()
    worker.succeed(worker.claim())
    expect(page.locator("h1")).to_have_text("Caries, 85.0%")
    address = page.url
    page.get_by_role("button", name="Erase photo and result").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    screenshot(page, "erase-question")
    page.get_by_role("button", name="Keep them").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Erase photo and result").click()
    page.get_by_role("button", name="Erase", exact=True).click()
    expect(page.get_by_role("status").first).to_have_text("The photo and its result were erased.")
    page.goto(address)
    expect(page.locator("h1")).to_contain_text("There is no such result")
    screenshot(page, "erased")


def test_a_page_whose_job_is_erased_elsewhere_says_so_and_stops(
    open_page: OpenPage, worker: FakeWorker, photo: Path
) -> None:
    page = open_page()
    choose(page, photo)
    expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")
    worker.store.erase(page.url.rsplit("/", 1)[1])
    expect(page.locator(".notice.alert")).to_contain_text("There is no such result")


def test_a_result_page_survives_a_restart_of_redis(
    open_page: OpenPage, make_redis: Callable[[], RedisServer], photo: Path, tmp_path: Path
) -> None:
    redis = make_redis()
    web = WebServer(web_settings(redis_url=redis.url, folder=tmp_path))
    web.start()
    try:
        page = open_page("/", base_url=web.url)
        choose(page, photo)
        expect(page.locator("h1")).to_have_text("Waiting: place 1 in the queue")
        redis.kill()
        expect(page.locator("#connection")).to_be_visible()
        redis.start()
        with FakeWorker(web.settings).working():
            expect(page.locator("h1")).to_have_text("Caries, 85.0%")
        expect(page.locator("#connection")).to_be_hidden()
    finally:
        web.stop()
