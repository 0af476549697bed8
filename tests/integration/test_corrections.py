"""From a reader's mark to a split: the real server, the real command, and training that takes what it made."""

import io
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer
from tests.web_server import WebServer, web_settings

DENTIQ = Path(sys.executable).parent / "dentiq"
ROOT = Path(__file__).resolve().parents[2]

SIZE = (640, 480)

# What readers say of the photographs, which the model all took for caries.
SAID = ["caries"] * 5 + ["ulcer"] * 5 + ["other", "not_dental"]


@pytest.fixture
def web(redis_server: RedisServer, redis_url: str, tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(web_settings(redis_url=redis_url, folder=tmp_path))
    server.start()
    yield server
    server.stop()


def patchwork(number: int) -> bytes:
    """Draw a picture that shares nothing with that of another number: training takes near-copies for one scene."""
    picture = Image.frombytes("RGB", (16, 12), random.Random(number).randbytes(16 * 12 * 3)).resize(SIZE)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG")
    return buffer.getvalue()


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def mark_photographs(web: WebServer) -> None:
    worker = FakeWorker(web.settings)
    with httpx.Client(base_url=web.url, timeout=30) as http:
        batch = http.post("/api/v1/batches", json={}).json()["links"]
        files = [("images", (f"{number}.jpg", patchwork(number))) for number in range(len(SAID) + 1)]
        added = http.post(batch["images"], files=files).json()["accepted"]
        while claims := worker.claim():
            worker.succeed(claims)
        for image, label in zip(added, SAID, strict=False):
            body = {"verdict": "right"} if label == "caries" else {"label": label}
            http.put(f"/api/v1/jobs/{image['id']}/correction", json=body).raise_for_status()


# Torch alone takes half a minute to load on a busy machine.
@pytest.mark.timeout(600)
def test_what_readers_marked_is_split_by_training_as_it_is(web: WebServer, tmp_path: Path) -> None:
    mark_photographs(web)
    data, split = tmp_path / "data", tmp_path / "run"
    told = run(DENTIQ, "corrections", "--out", data, DENTIQ_URL=web.url)
    assert "10 photographs fetched" in told
    assert "1 not_dental, 1 other" in told
    photographs = sorted(data.glob("*/*.jpg"))
    assert [path.parent.name for path in photographs] == ["caries"] * 5 + ["ulcer"] * 5
    with Image.open(photographs[0]) as picture:
        assert picture.size == SIZE
        assert not picture.getexif()
    run(sys.executable, "-m", "training", "split", data, "--run", split)
    shown = (split / "split.csv").read_text(encoding="utf-8")
    assert all(f"{path.parent.name}/{path.name}" in shown for path in photographs)
