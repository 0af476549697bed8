"""A person with a key: signs in, sends a photograph, sees its picture, signs out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from common.api_keys import KeyFile, Scope
from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer
from tests.web_server import WebServer, web_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def guarded(redis_server: RedisServer, redis_url: str, tmp_path: Path) -> Iterator[tuple[WebServer, str]]:
    """A server that asks for keys, and a key."""
    settings = web_settings(redis_url=redis_url, folder=tmp_path)
    _, text = KeyFile(settings.effective_keys_file).make("clinic", [Scope.SUBMIT, Scope.READ])
    server = WebServer(
        settings.model_copy(update={"web_processes": 1, "model_store_dir": ROOT / "model_store"}),
        environment={"DENTIQ_REQUIRE_KEYS": "true"},
    )
    server.start()
    yield server, text
    server.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_a_person_signs_in_sends_a_photo_sees_it_and_signs_out(
    guarded: tuple[WebServer, str], page: Page, make_image: Callable[..., bytes]
) -> None:
    server, key = guarded
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("API key").fill("dentiq_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known here")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#upload, form[data-max-bytes]").first).to_be_attached()
    with FakeWorker(server.settings).working():
        page.locator("input[name=image]").first.set_input_files(
            {"name": "tooth.jpg", "mimeType": "image/jpeg", "buffer": make_image(width=400, height=300)}
        )
        picture = page.locator(".picture img.photo")
        expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    result = page.url
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(result)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
