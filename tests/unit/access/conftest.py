"""A web application that is open to a network, so that it asks for keys."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.api_keys import ApiKey, KeyFile, Scope
from common.settings import Settings
from web.app_factory import create_app


@dataclass
class Sender:
    """A program with a key, or without one."""

    client: FlaskClient
    text: str = ""

    def ask(self, method: str, path: str, *, address: str = "203.0.113.7", **arguments: object) -> TestResponse:
        """Send a request."""
        headers = {"Authorization": f"Bearer {self.text}"} if self.text else {}
        headers.update(arguments.pop("headers", {}))  # type: ignore[call-overload]
        base = {"REMOTE_ADDR": address}
        return self.client.open(path, method=method, headers=headers, environ_base=base, **arguments)  # type: ignore[arg-type]

    def submit(self, image: bytes) -> TestResponse:
        """Submit an image."""
        return self.ask("POST", "/api/v1/jobs", data={"image": (io.BytesIO(image), "tooth.jpg")})


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    return Settings(
        redis_url=redis_url,
        data_dir=tmp_path / "var",
        model_store_dir=tmp_path / "models",
        storage_fsync=False,
        web_bind="0.0.0.0",
    )


@pytest.fixture
def keys(settings: Settings) -> KeyFile:
    return KeyFile(settings.effective_keys_file)


@pytest.fixture
def make_key(keys: KeyFile) -> Callable[..., tuple[ApiKey, str]]:
    """Make a key: `make_key("submit", "read")` gives it and its text."""
    return lambda *scopes: keys.make("clinic", [Scope(scope) for scope in scopes])


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.fixture
def stranger(client: FlaskClient) -> Sender:
    return Sender(client)


@pytest.fixture
def sender(client: FlaskClient, make_key: Callable[..., tuple[ApiKey, str]]) -> Sender:
    """Somebody who may submit and read."""
    return Sender(client, make_key("submit", "read")[1])
