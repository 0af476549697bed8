"""A browser without a window, the web server as in production, and a worker that does as it is told."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer
from tests.web_server import WebServer, web_settings

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "var" / "screenshots"

# axe-core looks at a page as screen readers do; vendored unchanged, see the README beside it.
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"

# A name of this machine that a browser does not trust as it trusts localhost.
PLAIN_HOST = "dentiq.test"

# A busy machine needs 15 s for a page with a megabyte of scripts; one that needs more is broken.
_TIMEOUT_MS = 45_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; its absence is a skip, in CI an error."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        message = "no Chromium on PATH (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    expect.set_options(timeout=_TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def web_server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """The web server of this run."""
    settings = web_settings(redis_url=redis_server.url, folder=tmp_path_factory.mktemp("web"))
    # The model that comes with dentiq: pages show its card and its labels.
    server = WebServer(settings.model_copy(update={"web_processes": 1, "model_store_dir": ROOT / "model_store"}))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def web(web_server: WebServer, redis_url: str) -> WebServer:
    """The web server without any job; a test may stop it and start it again."""
    if not web_server.runs():
        web_server.start()
    return web_server


@pytest.fixture
def worker(web: WebServer) -> FakeWorker:
    """A worker that is registered and works when the test says so."""
    worker = FakeWorker(web.settings)
    worker.be_alive()
    return worker


@pytest.fixture
def open_page(browser: Browser, web: WebServer) -> Iterator[Callable[..., Page]]:
    """Open an address of the server in a fresh browser context; errors in the console fail the test."""
    faults: list[str] = []
    contexts = []

    def open_(path: str = "/", **options: object) -> Page:
        context = browser.new_context(**{"base_url": web.url, "locale": "en-GB", **options})
        contexts.append(context)
        context.set_default_timeout(_TIMEOUT_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keep a picture of a page under var/screenshots."""

    def take(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    return take


def barriers(page: Page) -> list[str]:
    """What keeps people from using a page: what axe-core finds of serious or critical impact."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    # A page on which no rule applied was not looked at.
    assert len(found["passes"]) > 5
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


@pytest.fixture
def photo(make_image: Callable[..., bytes], tmp_path: Path) -> Path:
    """A picture to send."""
    path = tmp_path / "my tooth.jpg"
    path.write_bytes(make_image(width=900, height=600))
    return path
