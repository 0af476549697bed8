"""A zip of 300 MB goes through web, which keeps to its memory."""

import io
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.fixtures.redis import RedisServer
from tests.web_memory import Memory
from tests.web_server import WebServer, web_settings

ARCHIVE_BYTES = 300_000_000
IMAGES = 300
MOST_GROWTH_BYTES = 50_000_000


@pytest.fixture
def web(redis_server: RedisServer, redis_url: str, tmp_path: Path) -> Iterator[WebServer]:
    spool = tmp_path / "spool"
    spool.mkdir()
    # On the disk, as Compose and the local stack have it: where /tmp is memory, the archive would fill that.
    server = WebServer(web_settings(redis_url=redis_url, folder=tmp_path), {"TMPDIR": str(spool)})
    server.start()
    yield server
    server.stop()


def large_archive(path: Path, image: bytes) -> None:
    """Write images that do not shrink: a small picture each, and behind its end the noise of a large one."""
    noise = random.Random(1).randbytes(ARCHIVE_BYTES // IMAGES)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(IMAGES):
            archive.writestr(f"folder/{number}.jpg", image + noise)


def test_a_zip_of_300_mb_takes_less_than_50_mb_of_memory(
    web: WebServer, make_image: Callable[..., bytes], tmp_path: Path
) -> None:
    archive = tmp_path / "photos.zip"
    large_archive(archive, make_image())
    assert archive.stat().st_size > ARCHIVE_BYTES
    with httpx.Client(base_url=web.url, timeout=150) as http:
        small = io.BytesIO()
        with zipfile.ZipFile(small, "w") as entries:
            entries.writestr("a.jpg", make_image())
        # Each process loads what its first request needs; that is no growth.
        for _ in range(8):
            images = http.post("/api/v1/batches", json={}).json()["links"]["images"]
            assert http.post(images, files={"archive": ("a.zip", small.getvalue())}).status_code == 202
        with archive.open("rb") as file, Memory(web) as memory:
            answer = http.post(images, files={"archive": ("photos.zip", file)})
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["accepted"]) == IMAGES
    assert memory.growth < MOST_GROWTH_BYTES, (
        f"web grew by {memory.growth / 1e6:.0f} MB from {memory.before / 1e6:.0f} MB"
    )
