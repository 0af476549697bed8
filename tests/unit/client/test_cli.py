"""The command line, against a server of canned answers: what it prints where, and its exit status."""

import json
import os
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from client.cli import main
from tests.fixtures.redis import free_port

DONE: dict[str, Any] = {
    "id": "j1",
    "status": "succeeded",
    "outcome": "answered",
    "model_version": "m1",
    "predictions": [{"label": "caries", "probability": 0.9}],
    "disclaimer": "Ask a dentist.",
}
FAILED = {**DONE, "id": "j2", "status": "failed", "error": {"code": "image_corrupt", "message": "It is broken."}}
REFUSED = {"title": "Empty image", "status": 400, "detail": "It has no bytes.", "code": "image_empty"}
Run = Callable[..., int]


class Handler(BaseHTTPRequestHandler):
    """Decide by the bytes of the image: `good`, `bad` (its job fails) or nothing (refused)."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if b"good" in body:
            self._answer(202, {**DONE, "status": "queued"})
        elif b"bad" in body:
            self._answer(202, {**FAILED, "status": "queued"})
        else:
            self._answer(400, REFUSED)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        known: dict[str, tuple[int, dict[str, Any]]] = {
            "/api/v1/jobs/j1": (200, DONE),
            "/api/v1/jobs/j2": (200, FAILED),
            "/api/v1/models": (200, {"models": [{"version": "m1", "current": True, "labels": ["caries"]}]}),
        }
        self._answer(*known.get(path, (404, {**REFUSED, "code": "job_not_found", "detail": "No such job."})))

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `dentiq ARGUMENTS` against the server that DENTIQ_URL names, and return the exit status."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("DENTIQ_URL", f"http://127.0.0.1:{server.server_port}")

    def call(*arguments: str | Path) -> int:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        return int(caught.value.code or 0)

    yield call
    server.shutdown()
    server.server_close()


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    """Files that the server takes, fails and refuses."""
    found = {name: tmp_path / f"{name}.jpg" for name in ("good", "bad", "empty")}
    for name, path in found.items():
        path.write_bytes(b"" if name == "empty" else name.encode())
    return found


def test_the_version_is_that_of_the_package(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"dentiq {version('dentiq')}\n"


def test_all_succeeded_is_0(run: Run, images: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("submit", images["good"], images["good"]) == 0
    output = capsys.readouterr().out
    assert output.count("caries") == 2
    assert output.count("Ask a dentist.") == 1


@pytest.mark.parametrize("before", [True, False])
def test_the_server_may_be_named_before_or_after_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    server = os.environ["DENTIQ_URL"]
    monkeypatch.setenv("DENTIQ_URL", f"http://127.0.0.1:{free_port()}")
    option = ("--server", server)
    assert run(*option, "status", "j1") == 0 if before else run("status", "j1", *option) == 0
    assert run("--server", "http://127.0.0.1:1", "status", "j1", *option) == 0


def test_a_program_behind_a_pipe_gets_each_row_on_one_line(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / ("long name " * 20) / "good.jpg"
    image.parent.mkdir()
    image.write_bytes(b"good")
    assert run("submit", image) == 0
    assert f"{image}  answered" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "reason"), [("bad", "(image_corrupt)"), ("empty", "(image_empty)")])
def test_one_that_failed_is_1_and_spoils_no_other(
    run: Run, images: dict[str, Path], capsys: pytest.CaptureFixture[str], name: str, reason: str
) -> None:
    assert run("submit", images[name], images["good"]) == 1
    output = capsys.readouterr().out
    assert reason in output
    assert "90.0%" in output


def test_json_is_one_array_in_the_order_of_the_files(
    run: Run, images: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("submit", "--json", images["bad"], images["empty"], images["good"]) == 1
    entries = json.loads(capsys.readouterr().out)
    assert [entry["status"] for entry in entries] == ["failed", "rejected", "succeeded"]
    assert [entry["file"] for entry in entries] == [str(images[name]) for name in ("bad", "empty", "good")]
    assert entries[1]["error"]["code"] == "image_empty"


@pytest.mark.parametrize("output", [(), ("--json",)], ids=["table", "json"])
def test_a_file_name_that_is_no_text_is_sent_and_shown(
    run: Run, images: dict[str, Path], capsys: pytest.CaptureFixture[str], output: tuple[str, ...]
) -> None:
    image = images["good"].rename(images["good"].with_name(os.fsdecode(b"scan \xe9.jpg")))
    assert run("submit", *output, image) == 0
    assert "scan \ufffd.jpg" in capsys.readouterr().out.replace("\n", "")


def test_a_server_that_is_away_is_2(images: dict[str, Path], run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("submit", images["good"], "--server", f"http://127.0.0.1:{free_port()}") == 2
    captured = capsys.readouterr()
    assert "does not answer" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments", [("submit",), ("submit", "no-such-file.jpg"), ("submit", "."), ("nonsense",), ("models", "--nonsense")]
)
def test_wrong_arguments_are_2(run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == 2
    assert "Error" in capsys.readouterr().err


def test_a_result_that_does_not_come_in_time_is_1_and_says_how_to_go_on(
    run: Run, images: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DONE, "status", "running")
    assert run("submit", images["good"], "--timeout", "0") == 1
    assert "dentiq status j1" in capsys.readouterr().out


def test_the_timeout_is_one_for_all_images_and_a_result_that_is_there_is_shown(
    run: Run, images: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DONE, "status", "running")
    started = time.monotonic()
    assert run("submit", *[images["good"]] * 8, images["bad"], "--timeout", "0.5") == 1
    assert time.monotonic() - started < 2.5
    output = capsys.readouterr().out
    assert output.count("dentiq status j1") == 8
    assert "(image_corrupt)" in output


def test_status_shows_a_job(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "j1") == 0
    assert "caries" in capsys.readouterr().out


def test_status_of_a_failed_job_is_1_with_the_reason(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "j2") == 1
    assert "It is broken. (image_corrupt)" in capsys.readouterr().out


def test_status_of_an_unknown_job_is_1(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "j9") == 1
    assert "No such job. (job_not_found)" in capsys.readouterr().err


def test_status_as_json_is_the_servers_answer(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--json", "j1") == 0
    assert json.loads(capsys.readouterr().out) == DONE


def test_models_shows_which_one_serves(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models") == 0
    assert "m1" in capsys.readouterr().out


def test_help_and_no_command_explain_themselves(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "it does not diagnose" in " ".join(capsys.readouterr().out.split()).lower()
