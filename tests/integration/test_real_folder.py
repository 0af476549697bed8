"""`dentiq batch` on a thousand real photographs, with client and worker killed on the way: each file once."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.fixtures.images import REAL_PHOTOS, RealPhoto
from tests.fixtures.stack import LocalStack
from tests.waiting import wait_until

PHOTOS = 1000

DENTIQ = Path(sys.executable).parent / "dentiq"


@pytest.fixture
def folder(real_photos: list[RealPhoto], tmp_path: Path) -> Path:
    """The first thousand photographs, in the folders of their labels, as links to the data set's."""
    root = tmp_path / "photos"
    for photo in real_photos[:PHOTOS]:
        place = root / photo.path.relative_to(REAL_PHOTOS)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(photo.path)
    return root


def start(stack: LocalStack, folder: Path, out: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [DENTIQ, "batch", folder, "--out", out, "--json"],
        env={**os.environ, "DENTIQ_URL": stack.base_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows_of(out: Path) -> list[dict[str, str]]:
    if not out.exists():
        return []
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# A thousand photographs take a minute on two idle cores, the start and a busy machine the rest.
@pytest.mark.timeout(900)
def test_a_thousand_photographs_have_a_row_each_though_client_and_worker_were_killed(
    make_stack: Callable[[], LocalStack], folder: Path, tmp_path: Path
) -> None:
    stack = make_stack()
    stack.start()
    out = tmp_path / "results.csv"
    journal = out.with_name("results.csv.dentiq-journal")

    first = start(stack, folder, out)
    wait_until(lambda: journal.exists() and journal.read_bytes().count(b'"answered"') >= 2, 120, what="two portions")
    first.kill()
    first.communicate(timeout=20)

    second = start(stack, folder, out)
    wait_until(lambda: len(rows_of(out)) >= PHOTOS // 5, 300, what="a fifth of the rows")
    os.kill(stack.part_pid("worker"), signal.SIGKILL)
    said, complaints = second.communicate(timeout=600)
    assert second.returncode in {0, 1}, complaints

    rows = rows_of(out)
    sent = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert len(sent) == PHOTOS
    assert len(rows) == PHOTOS
    assert {row["file"] for row in rows} == sent
    jobs = [row["job_id"] for row in rows if row["job_id"]]
    assert len(jobs) == len(set(jobs))
    with urlopen(f"{stack.base_url}/api/v1/batches/{json.loads(said)['batch_id']}", timeout=10) as answer:
        batch = json.load(answer)
    assert batch["total"] == len(jobs)
    assert batch["counts"]["succeeded"] == sum(row["status"] == "succeeded" for row in rows) > 0.98 * PHOTOS
    assert sum(batch["outcomes"].values()) == batch["counts"]["succeeded"]
