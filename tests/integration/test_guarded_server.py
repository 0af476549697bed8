"""A real server that asks for keys: programs, the command line and Prometheus reach what is theirs, and no more."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from client.dentiq import Dentiq
from client.errors import RequestRefusedError
from common.api_keys import KeyFile, Scope
from tests.fake_worker import FakeWorker
from tests.fixtures.redis import RedisServer, free_port
from tests.web_server import WebServer, web_settings

MakeImage = Callable[..., bytes]
METRICS_PORT = free_port()


@pytest.fixture(scope="module")
def web(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    settings = web_settings(redis_url=redis_server.url, folder=tmp_path_factory.mktemp("web"))
    KeyFile(settings.effective_keys_file).make("first", [Scope.READ])
    server = WebServer(
        settings,
        environment={"DENTIQ_REQUIRE_KEYS": "true", "DENTIQ_WEB_METRICS_PORT": str(METRICS_PORT)},
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def key(web: WebServer) -> str:
    return KeyFile(web.settings.effective_keys_file).make("clinic", [Scope.SUBMIT, Scope.READ])[1]


def test_a_server_that_wants_keys_does_not_start_without(redis_server: RedisServer, tmp_path: Path) -> None:
    settings = web_settings(redis_url=redis_server.url, folder=tmp_path)
    server = WebServer(settings, environment={"DENTIQ_REQUIRE_KEYS": "true"})
    with pytest.raises(AssertionError, match="there is no API key"):
        server.start()


def test_python_gets_a_result_with_a_key_and_a_reason_without(web: WebServer, key: str, make_image: MakeImage) -> None:
    with Dentiq(web.url, api_key=key) as dentiq, FakeWorker(web.settings).working():
        job = dentiq.submit(make_image(), filename="tooth.jpg")
        assert dentiq.wait(job.id, timeout_seconds=20).status == "succeeded"
    with Dentiq(web.url) as stranger, pytest.raises(RequestRefusedError) as refused:
        stranger.job(job.id)
    assert (refused.value.status, refused.value.code) == (401, "key_missing")


def test_the_command_line_takes_its_key_from_the_environment(web: WebServer, key: str) -> None:
    def models(**environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [Path(sys.executable).with_name("dentiq"), "models", "--json", "--server", web.url],
            env={"PATH": "/usr/bin:/bin", **environment},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert json.loads(models(DENTIQ_API_KEY=key).stdout) == []
    refused = models()
    assert refused.returncode != 0
    assert "DENTIQ_API_KEY" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_revoked_key_is_refused_by_every_process_at_once(web: WebServer, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    # A connection each, so that both processes have seen the key.
    assert {httpx.get(f"{web.url}/api/v1/models", headers=headers).status_code for _ in range(10)} == {200}
    KeyFile(web.settings.effective_keys_file).revoke(key.split("_")[1])
    assert {httpx.get(f"{web.url}/api/v1/models", headers=headers).status_code for _ in range(10)} == {401}


def test_metrics_have_a_port_of_their_own_that_shows_nothing_else(web: WebServer) -> None:
    aside = f"http://127.0.0.1:{METRICS_PORT}"
    assert "dentiq_http_requests_total" in httpx.get(f"{aside}/metrics").text
    for path in ("/", "/api/v1/models", "/system", "/healthz", "/static/img/logo.svg", "/sign-in"):
        assert httpx.get(aside + path).status_code == 404
    assert httpx.post(f"{aside}/api/v1/jobs", content=b"x").status_code == 404
    # The port is the socket's: no header moves a request there.
    for header in ({"Host": f"x:{METRICS_PORT}"}, {"X-Forwarded-Port": str(METRICS_PORT)}):
        assert httpx.get(f"{web.url}/metrics", headers=header).status_code == 401


def test_the_log_holds_no_key_and_no_address_of_a_job(web: WebServer, key: str, make_image: MakeImage) -> None:
    with Dentiq(web.url, api_key=key) as dentiq:
        job = dentiq.submit(make_image(), filename="patient-name.jpg")
        dentiq.job(job.id)
    httpx.post(f"{web.url}/sign-in", data={"key": key})
    httpx.get(f"{web.url}/api/v1/jobs/{job.id}?key={key}")
    log = (web.settings.data_dir / "web.log").read_text(encoding="utf-8", errors="replace")
    assert '"event": "audit"' in log
    for secret in (key, key.rpartition("_")[2], job.id, "patient-name"):
        assert secret not in log
