"""What a clinic does: many photographs or a folder in, a batch that fills, results by label and confidence."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import JSHandle, Page, Route, expect

from common.jobs.explanations import ExplanationRegister
from common.jobs.record import Explanation
from common.redis_client import connect
from common.storage import Storage, explanation_key
from tests.browser.test_every_page import PHONE, certainly, drawn_jaw
from tests.fake_worker import FakeWorker
from tests.web_server import WebServer

OpenPage = Callable[..., Page]
Screenshot = Callable[[Page, str], None]
MakeImage = Callable[..., bytes]

NO_PICTURE = "This file is not a photo that can be read. Send a JPEG, PNG, WebP, HEIC, BMP, TIFF or GIF picture."

pillow_heif.register_heif_opener()


@pytest.fixture
def folder(tmp_path: Path, make_image: MakeImage) -> Path:
    """A folder as it comes from a camera: photographs, one within, notes, and what systems leave behind."""
    folder = tmp_path / "school"
    (folder / "class 3b").mkdir(parents=True)
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(make_image(width=300 + number, height=200))
    (folder / "class 3b" / "late.png").write_bytes(make_image(width=400, image_format="PNG", height=300))
    (folder / "notes.txt").write_text("no photo")
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "fake.jpg").write_text("This is no picture either.")
    return folder


def carried(page: Page, files: dict[str, bytes]) -> JSHandle:
    """What a drag or a paste carries."""
    return page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, data] of files) {
                const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
                transfer.items.add(new File([bytes], name, {type: "image/jpeg"}));
            }
            return transfer;
        }""",
        [[name, base64.b64encode(data).decode()] for name, data in files.items()],
    )


def names(page: Page) -> list[str]:
    return page.locator(".tile .file").all_inner_texts()


def new_batch(web: WebServer, photos: dict[str, bytes]) -> str:
    with httpx.Client(base_url=web.url) as client:
        batch: str = client.post("/api/v1/batches", json={"name": "Monday"}).json()["id"]
        for first in range(0, len(photos), 64):
            part = list(photos.items())[first : first + 64]
            client.post(f"/api/v1/batches/{batch}/images", files=[("images", item) for item in part]).raise_for_status()
    return batch


def test_a_chosen_folder_becomes_a_batch_and_says_what_was_no_photo(
    open_page: OpenPage, worker: FakeWorker, folder: Path, screenshot: Screenshot
) -> None:
    page = open_page()
    page.locator("#folder").set_input_files(folder)
    expect(page.get_by_role("heading", name="Some files were not taken")).to_be_focused()
    told = page.locator("#left-out li").all_inner_texts()
    assert sorted(told) == [
        f"school/fake.jpg {NO_PICTURE}",
        "school/notes.txt This is no photo.",
    ]
    screenshot(page, "some-left-out")
    page.get_by_role("button", name="Go to the batch").click()
    expect(page.locator("h1")).to_have_text("school")
    expect(page.locator(".tile")).to_have_count(6)
    assert {*names(page)} == {"school/class 3b/late.png", *(f"school/{number}.jpg" for number in range(5))}
    with worker.working():
        expect(page.locator(".batch-progress .headline")).to_have_text("All 6 photos are analysed")
    expect(page.locator(".tile .verdict").first).to_have_text(re.compile(r"Caries\s*85\.0%"))


def test_more_photos_than_a_request_may_carry_are_sent_in_portions_nothing_twice(
    open_page: OpenPage, web: WebServer, worker: FakeWorker, make_image: MakeImage, tmp_path: Path
) -> None:
    photos = []
    for number in range(130):
        path = tmp_path / f"{number:03d}.jpg"
        path.write_bytes(make_image(width=64 + number))
        photos.append(path)
    page = open_page()
    sent: list[Route] = []

    def once_away(route: Route) -> None:
        sent.append(route)
        # The second portion arrives, but its answer is lost on the way.
        if len(sent) == 2:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/images", once_away)
    page.locator("input[name=image]").set_input_files(photos)
    # Two pauses of sending again lie in it.
    expect(page.locator(".batch-progress .headline")).to_have_text("0 of 130 photos analysed", timeout=60_000)
    assert len(sent) == 4  # three portions, one of them sent again
    assert worker.store.counts()["submitted"] == 130


def test_several_photos_are_dropped_and_one_is_pasted(
    open_page: OpenPage, worker: FakeWorker, make_image: MakeImage
) -> None:
    page = open_page()
    dropped = carried(page, {f"{number}.jpg": make_image(width=90 + number) for number in range(3)})
    page.dispatch_event("h1", "drop", {"dataTransfer": dropped})
    expect(page.locator(".batch-progress .headline")).to_have_text("0 of 3 photos analysed")
    page.goto("/")
    pasted = carried(page, {"image.png": make_image()})
    page.evaluate("(data) => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data}))", pasted)
    expect(page.locator("h1")).to_have_text(re.compile(r"Waiting: place \d+ in the queue"))


def test_sending_stops_when_told_and_keeps_what_arrived(
    open_page: OpenPage, worker: FakeWorker, make_image: MakeImage, tmp_path: Path, screenshot: Screenshot
) -> None:
    photos = []
    for number in range(70):
        path = tmp_path / f"{number:03d}.jpg"
        path.write_bytes(make_image(width=64 + number))
        photos.append(path)
    page = open_page()
    held: list[Route] = []
    # One of the two portions never arrives.
    page.route("**/images", lambda route: route.continue_() if held else held.append(route))
    page.locator("input[name=image]").set_input_files(photos)
    expect(page.locator(".sending-many .count")).to_have_text(re.compile(r"^(6|64) of 70 photos sent$"))
    screenshot(page, "sending-many")
    page.get_by_role("button", name="Stop sending").click()
    expect(page.locator("h1")).to_have_text(re.compile("^Photos of "))
    assert worker.store.counts()["submitted"] in {6, 64}


def test_a_heic_photo_of_a_phone_is_taken_and_shown(
    open_page: OpenPage, worker: FakeWorker, tmp_path: Path, screenshot: Screenshot
) -> None:
    path = tmp_path / "IMG_0001.HEIC"
    buffer = io.BytesIO()
    Image.new("RGB", (480, 360), (200, 120, 110)).save(buffer, "HEIF", quality=80)
    path.write_bytes(buffer.getvalue())
    page = open_page("/", **PHONE)
    expect(page.locator("label[for=camera]")).to_be_visible()
    page.locator("input[name=image]").set_input_files(path)
    expect(page.locator(".picture .photo")).to_be_visible()
    assert page.evaluate("document.querySelector('.photo').decode().then(() => true)")
    worker.succeed(worker.claim())
    expect(page.locator("h1")).to_have_text("Caries, 85.0%")


def test_a_batch_is_filtered_ordered_and_read_to_its_end(
    open_page: OpenPage, web: WebServer, worker: FakeWorker, make_image: MakeImage, screenshot: Screenshot
) -> None:
    photo = make_image()
    batch = new_batch(web, {f"{number:03d}.jpg": photo for number in range(100)})
    page = open_page(f"/batches/{batch}")
    expect(page.locator(".tile")).to_have_count(48)
    number = 0
    while claims := worker.claim():
        for claim in claims:
            label = "ulcer" if number % 10 == 0 else "healthy"
            worker.succeed([claim], probabilities=certainly(label, 0.99 - number / 200))
            number += 1
    expect(page.locator(".batch-progress .headline")).to_have_text("All 100 photos are analysed")
    expect(page.locator(".tile .verdict").first).to_contain_text("Mouth ulcer")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".tile")).to_have_count(96)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".tile")).to_have_count(100)
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)
    page.get_by_label("Pathology").select_option("ulcer")
    expect(page.locator(".tile")).to_have_count(10)
    expect(page.get_by_label("Order")).to_have_value("falling")
    page.get_by_label("Order").select_option("rising")
    expect(page.locator(".tile .file").first).to_have_text("090.jpg")
    screenshot(page, "batch-filtered")
    page.get_by_label("Confidence").select_option("high")
    expect(page.locator(".tile")).to_have_count(2)
    # The choice is an address: it can be kept, and the way back leads to the one before.
    page.reload()
    expect(page.locator(".tile")).to_have_count(2)
    page.go_back()
    expect(page.locator(".tile")).to_have_count(10)


def test_a_batch_is_cancelled_and_erased_after_questions(
    open_page: OpenPage, web: WebServer, worker: FakeWorker, make_image: MakeImage
) -> None:
    page = open_page(f"/batches/{new_batch(web, {'a.jpg': make_image(), 'b.jpg': make_image(width=80)})}")
    page.get_by_role("button", name="Cancel the rest").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the rest").click()
    expect(page.locator(".batch-progress .headline")).to_have_text("Cancelled")
    expect(page.locator(".tile-cancelled")).to_have_count(2)
    page.get_by_role("button", name="Erase the batch").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    expect(page.get_by_role("status").first).to_have_text("The batch, its photos and their results were erased.")
    page.reload()
    expect(page.get_by_text("were erased")).to_have_count(0)


def test_the_heat_map_lies_over_the_photo_as_strong_as_wished(
    open_page: OpenPage, web: WebServer, worker: FakeWorker, photo: Path, screenshot: Screenshot
) -> None:
    page = open_page()
    page.locator("input[name=image]").set_input_files(photo)
    expect(page.locator(".picture .photo")).to_be_visible()
    worker.succeed(worker.claim())
    page.get_by_role("button", name="Show where the model looked").click()
    expect(page.get_by_text("The heat map is being drawn.")).to_be_visible()
    job_id = page.url.rsplit("/", 1)[1]
    settings = web.settings
    Storage(settings.effective_storage_url, fsync=False).put(explanation_key(job_id), drawn_jaw(2))
    with connect(settings.effective_job_store_url, timeout_seconds=5, max_connections=2) as client:
        ExplanationRegister(client).note(job_id, Explanation.READY)
    slider = page.get_by_label("Heat map over the photo")
    expect(slider).to_be_focused()
    expect(page.locator(".heat")).to_have_css("opacity", "0.7")
    slider.press("Home")
    expect(page.locator(".heat")).to_have_css("opacity", "0")
    slider.press("End")
    expect(page.locator(".heat")).to_have_css("opacity", "1")
    screenshot(page, "heat-map")
