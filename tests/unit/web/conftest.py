"""A web application on a fresh Redis and an empty storage, its client, and a worker that does as it is told."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.settings import Settings
from tests.fake_worker import FakeWorker
from web.app_factory import create_app


@dataclass
class Api:
    """Verbs of the API for tests."""

    client: FlaskClient

    def submit(self, data: bytes, filename: str = "tooth.jpg", **headers: str) -> TestResponse:
        """Submit an image as curl -F does."""
        return self.client.post("/api/v1/jobs", headers=_header_names(headers), **form("image", (filename, data)))

    def accepted(self, data: bytes, filename: str = "tooth.jpg", **headers: str) -> dict[str, Any]:
        """Submit an image that must be taken; give the job."""
        response = self.submit(data, filename, **headers)
        assert response.status_code == 202, response.get_data(as_text=True)
        job: dict[str, Any] = response.get_json()
        return job

    def read(self, job_id: str, wait: float = 0, **headers: str) -> TestResponse:
        """Read a job."""
        return self.client.get(f"/api/v1/jobs/{job_id}?wait={wait}", headers=_header_names(headers))


def form(field: str, *files: tuple[str, bytes]) -> dict[str, Any]:
    """Write files as senders do; Werkzeug's test client leaves out a line where a file is empty."""
    request = httpx.Request("POST", "http://test", files=[(field, file) for file in files])
    return {"data": request.read(), "content_type": request.headers["content-type"]}


def _header_names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    return Settings(
        redis_url=redis_url,
        data_dir=tmp_path / "var",
        model_store_dir=tmp_path / "models",
        storage_fsync=False,
        # Below the 500 kB from which Flask's test client leaves a file open.
        max_upload_bytes=400_000,
        max_archive_images=100,
    )


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def api(client: FlaskClient) -> Api:
    return Api(client)


@pytest.fixture
def worker(settings: Settings) -> FakeWorker:
    return FakeWorker(settings)


@pytest.fixture
def stored_files(settings: Settings) -> Callable[[], list[str]]:
    """Names of all files in the storage."""
    root = settings.data_dir / "storage"
    return lambda: sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
