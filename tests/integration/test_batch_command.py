"""`dentiq batch` as a person starts it, against the real platform: each file once, also when the client is killed."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.fixtures.stack import LocalStack
from tests.waiting import wait_until

DENTIQ = Path(sys.executable).parent / "dentiq"
GOOD = 28


@pytest.fixture
def folder(tmp_path: Path, make_image: Callable[..., bytes]) -> Path:
    """Good images in nested folders, a truncated JPEG, and a text that calls itself one."""
    root = tmp_path / "photos"
    for number in range(GOOD):
        file = root / f"{number % 3}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(make_image(width=200 + number, height=150))
    (root / "half.jpg").write_bytes(make_image(width=400, height=300)[:2000])
    (root / "text.jpg").write_text("this is no image")
    return root


def command(stack: LocalStack, folder: Path, out: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [DENTIQ, "batch", folder, "--out", out, "--json", *options],
        env={**os.environ, "DENTIQ_URL": stack.base_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_each_once(stack: LocalStack, out: Path, summary: str) -> None:
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len({row["file"] for row in rows}) == GOOD + 1
    jobs = {row["job_id"] for row in rows} - {""}
    with urlopen(f"{stack.base_url}/api/v1/batches/{json.loads(summary)['batch_id']}", timeout=10) as answer:
        assert json.load(answer)["total"] == len(jobs)


def test_each_image_of_a_folder_has_a_row(stack: LocalStack, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.csv"
    process = command(stack, folder, out)
    said, complaints = process.communicate(timeout=120)
    assert process.returncode == 1, complaints
    summary = json.loads(said)
    assert (summary["succeeded"], summary["skipped_files"]) == (GOOD, ["text.jpg"])
    assert_each_once(stack, out, said)
    with out.open(encoding="utf-8", newline="") as file:
        half = next(row for row in csv.DictReader(file) if row["file"] == "half.jpg")
    assert half["error_code"] == "image_truncated"
    assert not out.with_name("results.csv.dentiq-journal").exists()


@pytest.mark.parametrize("line", [b'"batch"', b'"sent"', b'"answered"'])
def test_a_killed_client_goes_on_and_sends_nothing_twice(
    stack: LocalStack, folder: Path, tmp_path: Path, line: bytes
) -> None:
    out = tmp_path / "results.csv"
    journal = out.with_name("results.csv.dentiq-journal")
    # Watching keeps the first client from reaching its end before it is killed; old files count as whole.
    for file in folder.rglob("*.jpg"):
        os.utime(file, (0, 0))
    killed = command(stack, folder, out, "--watch")
    wait_until(lambda: journal.exists() and line in journal.read_bytes(), 60, what="a line of the journal")
    killed.kill()
    killed.communicate(timeout=10)
    resumed = command(stack, folder, out)
    said, complaints = resumed.communicate(timeout=120)
    assert resumed.returncode == 1, complaints
    assert_each_once(stack, out, said)
