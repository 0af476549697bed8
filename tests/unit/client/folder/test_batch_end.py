"""How `dentiq batch` ends, and what it says then: all done, some failed, could not run, interrupted."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from client.batch_command import run_batch
from client.folder.run import Plan
from tests.fake_batch_server import FakeBatchServer
from tests.unit.client.folder.test_run import SERVER, assert_each_once


def call(server: FakeBatchServer, plan: Plan, *, as_json: bool = False, restart: bool = False) -> int:
    return run_batch(plan, server=SERVER, as_json=as_json, restart=restart, connect=server.client)


def test_the_exit_status_tells_and_the_journal_goes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(folder, tmp_path / "out.csv", "test")
    assert call(FakeBatchServer(), plan) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "1 files are no images and were skipped: text.jpg" in said
    for bad in ("0/0.jpg", "1/1.jpg"):
        (folder / bad).unlink()
    assert call(FakeBatchServer(), plan) == 2
    assert "--restart" in capsys.readouterr().err
    assert call(FakeBatchServer(), plan, restart=True, as_json=True) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["files"], summary["succeeded"], summary["skipped"]) == (148, 148, 1)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.csv"]


def ctrl_c() -> None:
    raise KeyboardInterrupt


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def ignored_sigterm() -> Iterator[None]:
    """Where nothing listens to SIGTERM, it ends nothing: the test run least of all."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("ignored_sigterm")
@pytest.mark.parametrize("watch", [False, True])
@pytest.mark.parametrize("stop", [ctrl_c, sigterm])
def test_an_interrupted_run_is_summed_up_and_the_same_command_goes_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], stop: Callable[[], None], watch: bool
) -> None:
    plan = Plan(folder, tmp_path / "out.csv", "test", watch=watch)
    server = FakeBatchServer()

    def interrupt(request: httpx.Request) -> None:
        polled = request.url.path.endswith("/b1")
        if polled and (not watch or plan.out.read_bytes().count(b"\n") == 151):
            stop()

    server.on_request = interrupt
    listener = signal.getsignal(signal.SIGTERM)
    assert call(server, plan) == (130 if stop is ctrl_c else 143)
    assert signal.getsignal(signal.SIGTERM) is listener
    said = " ".join(capsys.readouterr().err.split())
    done = "150 images: 148 succeeded, 1 rejected, 1 failed." if watch else "more have no row yet."
    for expected in (done, "1 files are no images and were skipped: text.jpg", "To go on: dentiq"):
        assert expected in said
    server.on_request = lambda _: None
    assert call(server, replace(plan, watch=False)) == 1
    assert_each_once(server, plan.out, 150)


def test_a_mistyped_address_binds_nothing_and_promises_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(_: httpx.Request) -> None:
        raise httpx.ConnectError("nobody is there")

    nowhere, plan = FakeBatchServer(), Plan(folder, tmp_path / "out.csv", "test")
    nowhere.on_request = nobody
    mistyped = "http://mistyped.test"
    assert run_batch(plan, server=mistyped, as_json=False, restart=False, connect=nowhere.client) == 2
    said = capsys.readouterr().err
    assert "does not answer" in said
    assert "To go on" not in said
    server = FakeBatchServer()
    assert call(server, plan) == 1
    assert_each_once(server, plan.out, 150)


def test_what_could_not_run_says_why_and_that_nothing_is_lost(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = FakeBatchServer()
    server.refusals["images"] = (507, "storage_full")
    assert call(server, Plan(folder, tmp_path / "out.csv", "test")) == 2
    said = capsys.readouterr().err
    assert "Refused: storage_full." in said
    assert "What was sent is not lost." in said
    server.refusals["images"] = (409, "batch_closed")
    assert call(server, Plan(folder, tmp_path / "out.csv", "test")) == 2
    assert "--restart begins anew" in capsys.readouterr().err
