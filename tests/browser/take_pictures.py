"""Pictures of the pages for the documents, in both languages: for `make screenshots`, not for `make test`."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT
from tests.browser.test_every_page import Gallery, gallery

__all__ = ["gallery"]

PICTURES = ROOT / "docs" / "pictures"
_ALL_SEEN = """() => [...document.images].every((picture) =>
    picture.hidden || !picture.src || picture.complete || picture.getBoundingClientRect().top > innerHeight)"""
SHOWN = ("upload", "answered", "batch")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_pages_have_their_pictures_taken(
    open_page: Callable[..., Page],
    gallery: Gallery,
    language: str,
) -> None:
    PICTURES.mkdir(exist_ok=True)
    page = open_page("/", locale=language, viewport={"width": 1200, "height": 820})
    for name in SHOWN:
        page.goto(gallery.pages[name])
        expect(page.locator("h1")).to_be_visible()
        # Thumbnails are loaded once they come into view, some time after the page.
        page.wait_for_function(_ALL_SEEN)
        page.screenshot(path=PICTURES / f"{name}.{language}.png")
