"""The page of the API: it leads to every operation, and its examples run as they stand."""

import html
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.fake_worker import FakeWorker
from tests.web_server import WebServer


@pytest.fixture
def curl() -> str:
    """Debian's curl; its absence is a skip, in CI an error."""
    program = shutil.which("curl")
    if program is None:
        message = "no curl on PATH (apt-get install curl)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return program


@pytest.mark.usefixtures("curl")
def test_every_example_runs_as_it_stands(web: WebServer, worker: FakeWorker, photo: Path, tmp_path: Path) -> None:
    shutil.copy(photo, tmp_path / "tooth.jpg")
    # An answer of 400 or more is a failure of the command.
    (tmp_path / ".curlrc").write_text("silent\nfail-with-body\n")
    failed, examples = (
        {},
        re.findall(r"<pre><code>(.+?)</code></pre>", httpx.get(f"{web.url}/api/docs", timeout=60).text, re.DOTALL),
    )
    with httpx.Client(base_url=f"{web.url}/api/v1", timeout=60) as client:
        for example in map(html.unescape, examples):
            job = client.post("/jobs", files={"image": photo.read_bytes()}).json()["id"]
            worker.succeed(worker.claim())
            batch = client.post("/batches", json={}).json()["id"]
            names = {"DENTIQ_URL": web.url, "JOB_ID": job, "BATCH_ID": batch, "HOME": str(tmp_path)}
            ran = subprocess.run(
                ["sh", "-c", example],
                cwd=tmp_path,
                env={"PATH": os.environ["PATH"], **names},
                capture_output=True,
                timeout=60,
                check=False,
            )
            if ran.returncode:
                failed[example] = ran.stdout.decode()
    assert len(examples) > 20
    assert failed == {}
    assert (tmp_path / "preview.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert (tmp_path / "results.csv").read_text(encoding="utf-8-sig").startswith("file,job_id")


def test_the_contents_lead_to_an_operation_and_that_to_what_it_answers(open_page: Callable[..., Page]) -> None:
    page = open_page("/api/docs")
    page.get_by_role("navigation", name="Operations").get_by_role(
        "link", name="GET /api/v1/jobs/{job_id}", exact=True
    ).click()
    operation = page.get_by_role("article", name="GET /api/v1/jobs/{job_id}", exact=True)
    expect(operation).to_be_in_viewport()
    operation.get_by_role("link", name="JobDocument").click()
    expect(page.locator("#JobDocument")).to_be_in_viewport()
    expect(page.get_by_role("article", name="JobDocument")).to_contain_text("All labels, most probable first")
