"""schemathesis against the served OpenAPI document: requests good and bad that nobody thought of, and no 5xx."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer
from tests.web_server import WebServer, web_settings
from tests.webhook_receiver import SECRET

ROOT = Path(__file__).resolve().parents[2]

# Loading and the closing report come on top: below two minutes in all.
SECONDS = 60

# An operation: some forty on a machine that does nothing else.
LEAST_CASES = 5


@pytest.fixture
def web(redis_server: RedisServer, redis_url: str, tmp_path: Path) -> Iterator[WebServer]:
    settings = web_settings(redis_url=redis_url, folder=tmp_path)
    # Long polls are tested elsewhere; here they would only pass the time.
    server = WebServer(settings, {"DENTIQ_WEBHOOK_SECRET": SECRET, "DENTIQ_MAX_WAIT_SECONDS": "0.1"})
    server.start()
    yield server
    server.stop()


def test_the_api_keeps_to_its_document_whatever_is_sent(web: WebServer, tmp_path: Path) -> None:
    with FakeWorker(web.settings).working():
        run = subprocess.run(
            [
                *(
                    Path(sys.executable).parent / "schemathesis",
                    "--config-file",
                    ROOT / "tests" / "openapi" / "schemathesis.toml",
                    "run",
                ),
                *(f"{web.url}/api/v1/openapi.json", "--max-time", str(SECONDS), "--max-examples", "25", "--seed", "1"),
                *("--continue-on-failure", "--no-shrink", "--no-color", "--generation-database", "none"),
            ],
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.openapi.hooks", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    # A run that tested nothing, or left an operation out, would pass too.
    paths = httpx.get(f"{web.url}/api/v1/openapi.json", timeout=20).json()["paths"]
    operations = sum(len(item) for item in paths.values())
    assert f"Tested: {operations}\n" in run.stdout, run.stdout[-3000:]
    (generated,) = re.findall(r"(\d+) generated", run.stdout)
    assert int(generated) > LEAST_CASES * operations
    assert "request_crashed" not in (web.settings.data_dir / "web.log").read_text(encoding="utf-8")
