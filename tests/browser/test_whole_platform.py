"""The main job in a browser, with nothing replaced: a photograph, the queue, a worker, the real model, the result."""

import re
from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from tests.fixtures.images import RealPhoto
from tests.fixtures.stack import LocalStack


def test_a_real_photograph_is_classified(
    browser: Browser, stack: LocalStack, real_photos: list[RealPhoto], screenshot: Callable[[Page, str], None]
) -> None:
    photo = next(photo for photo in real_photos if photo.split == "test")
    context = browser.new_context(base_url=stack.base_url, locale="en-GB")
    page = context.new_page()
    page.goto("/")
    page.locator("input[name=image]").set_input_files(photo.path)
    expect(page.locator("#status")).to_have_attribute("data-status", "succeeded", timeout=60_000)
    expect(page.locator(".bars li").first).to_contain_text(re.compile(r"\d+\.\d%"))
    expect(page.locator(".facts")).to_contain_text("Model version")
    expect(page.get_by_text("Ask a dentist before you decide")).to_be_visible()
    screenshot(page, "real-photograph")
    context.close()
