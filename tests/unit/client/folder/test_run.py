"""A folder sent to a server in memory: rows, portions, and going on after the client ended anywhere."""

import csv
import json
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from client.errors import RequestRefusedError
from client.folder.journal import Journal
from client.folder.run import FolderRun, Plan
from client.folder.tally import Tally
from tests.fake_batch_server import Crash, FakeBatchServer
from tests.unit.client.folder.conftest import IMAGE

SERVER = "http://dentiq.test"


def go(server: FakeBatchServer, folder: Path, out: Path) -> Tally:
    with server.client() as dentiq, Journal(Path(f"{out}.journal"), server=SERVER, folder=folder) as journal:
        run = FolderRun(dentiq, Plan(folder, out, "test"), journal, show=lambda _: None, pause=lambda _: None)
        run.run()
        return run.tally


def rows_of(out: Path) -> list[dict[str, str]]:
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_each_once(server: FakeBatchServer, out: Path, files: int) -> None:
    rows = rows_of(out)
    assert len(rows) == len({row["file"] for row in rows}) == files
    assert max(Counter(server.names).values()) == 1
    assert {row["job_id"] for row in rows} - {""} == {job["id"] for job in server.jobs}


def test_what_has_its_row_is_not_read_again_and_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By the number of results alone: a busy machine's clock would let the client look more often.
    monkeypatch.setattr("client.folder.run._ROWS_SECONDS", 1e9)
    server = FakeBatchServer()
    server.finishes = False
    sent: list[int] = []

    def work(_: float) -> None:
        if sent[-1] < 150:  # what ends before the client knows all jobs is looked at again
            return
        for job in [job for job in server.jobs if job["status"] == "queued"][:10]:
            server.finish(job)

    out = tmp_path / "out.csv"
    with server.client() as dentiq, Journal(Path(f"{out}.journal"), server=SERVER, folder=folder) as journal:
        plan = Plan(folder, out, "test")
        FolderRun(dentiq, plan, journal, show=lambda tally: sent.append(tally.sent), pause=work).run()
    assert_each_once(server, out, 150)
    assert server.jobs_read <= 3 * len(server.jobs)


def test_each_image_has_its_row(folder: Path, tmp_path: Path) -> None:
    server = FakeBatchServer()
    tally = go(server, folder, tmp_path / "out.csv")
    assert_each_once(server, tmp_path / "out.csv", 150)
    rows = {row["file"]: row for row in rows_of(tmp_path / "out.csv")}
    assert rows["2/2.jpg"]["label"] == "caries"
    assert (rows["2/2.jpg"]["probability"], rows["2/2.jpg"]["healthy"]) == ("0.90000", "0.10000")
    assert (rows["0/0.jpg"]["status"], rows["0/0.jpg"]["error_code"]) == ("rejected", "image_truncated")
    assert (rows["1/1.jpg"]["status"], rows["1/1.jpg"]["error_code"]) == ("failed", "image_corrupt")
    assert list(rows["2/2.jpg"])[:2] == ["file", "job_id"]
    assert (tally.done, tally.failed, tally.skipped_names()) == (150, 2, ["text.jpg"])
    assert server.batches == {"b1": "test"}


def test_requests_grow_up_to_64_images(folder: Path, tmp_path: Path) -> None:
    server = FakeBatchServer()
    go(server, folder, tmp_path / "out.csv")
    assert sorted(server.sent) == [8, 16, 30, 32, 64]


def test_a_server_that_takes_fewer_gets_fewer(folder: Path, tmp_path: Path) -> None:
    server = FakeBatchServer()
    server.most_images = 20
    go(server, folder, tmp_path / "out.csv")
    assert max(server.sent) <= 20
    assert_each_once(server, tmp_path / "out.csv", 150)


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
@pytest.mark.parametrize("number", range(1, 11))
def test_a_run_that_ends_at_any_request_goes_on(folder: Path, tmp_path: Path, where: str, number: int) -> None:
    server = FakeBatchServer()
    setattr(server, where, number)
    with pytest.raises(Crash):
        go(server, folder, tmp_path / "out.csv")
    go(server, folder, tmp_path / "out.csv")
    assert_each_once(server, tmp_path / "out.csv", 150)
    assert len(server.batches) == 1


@pytest.mark.parametrize("written", range(1, 12))
def test_a_run_that_ends_at_any_line_of_its_journal_goes_on(folder: Path, tmp_path: Path, written: int) -> None:
    server, out = FakeBatchServer(), tmp_path / "out.csv"
    go(server, folder, out)
    journal = Path(f"{out}.journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) == 12
    torn = lines[written][: len(lines[written]) // 2]
    # What a journal says is on the disk before the server knows more than one step beyond: cut the server back as well.
    kept = {json.loads(line)["sent"] for line in lines[:written] if b'"sent"' in line}
    run = json.loads(lines[0])["run"]
    server.keys = {k: v for k, v in server.keys.items() if k == run or int(k.rpartition(".")[2]) in kept}
    ids = {job_id for key, (_, made) in server.keys.items() if key != run for job_id in made}
    server.jobs = [job for job in server.jobs if job["id"] in ids]
    journal.write_bytes(b"".join(lines[:written]) + torn)
    go(server, folder, out)
    assert_each_once(server, out, 150)


def test_a_changed_file_of_an_unanswered_portion_makes_no_job_twice(folder: Path, tmp_path: Path) -> None:
    server = FakeBatchServer()
    server.crash_after = 3  # the first portion is stored, its answer is lost
    with suppress(Crash):
        go(server, folder, tmp_path / "out.csv")
    for file in folder.rglob("*.jpg"):
        file.write_bytes(file.read_bytes() + b" changed")
    go(server, folder, tmp_path / "out.csv")
    assert_each_once(server, tmp_path / "out.csv", 150)


@pytest.mark.parametrize("broken", [b"no longer anything", b"image 1"])
def test_an_unanswered_portion_that_other_rules_judge_otherwise_makes_no_job_twice(
    folder: Path, tmp_path: Path, broken: bytes
) -> None:
    server = FakeBatchServer()
    server.crash_after = 3  # the first portion is stored, its answer is lost
    with suppress(Crash):
        go(server, folder, tmp_path / "out.csv")
    server.broken = broken
    go(server, folder, tmp_path / "out.csv")
    assert_each_once(server, tmp_path / "out.csv", 150)


def test_keys_that_the_server_has_forgotten_make_no_job_twice(folder: Path, tmp_path: Path) -> None:
    server, out = FakeBatchServer(), tmp_path / "out.csv"
    server.crash_after = 3
    with suppress(Crash):
        go(server, folder, out)
    run = json.loads(Path(f"{out}.journal").read_bytes().splitlines()[0])["run"]
    server.keys = {key: value for key, value in server.keys.items() if key == run}
    journal = Path(f"{out}.journal")
    old = [json.loads(line) for line in journal.read_text().splitlines()]
    journal.write_text("".join(json.dumps({**line, **({"at": 0} if "at" in line else {})}) + "\n" for line in old))
    go(server, folder, out)
    assert_each_once(server, out, 150)


def test_new_files_are_added_to_the_same_batch(folder: Path, tmp_path: Path) -> None:
    server = FakeBatchServer()
    go(server, folder, tmp_path / "out.csv")
    (folder / "new.jpg").write_bytes(IMAGE + b"new")
    go(server, folder, tmp_path / "out.csv")
    assert_each_once(server, tmp_path / "out.csv", 151)
    assert len(server.batches) == 1


def test_a_file_name_that_is_no_text_is_sent_once(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (
        b"scan \xe9.jpg",
        b"scan \xe8.jpg",
        b'q"uote\\ 100%22.jpg',
        "zähne.jpg".encode(),
        b"n" * 240 + b".jpg",
    ):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(IMAGE)
    (folder / "broken.jpg").write_bytes(IMAGE + b"broken")
    server = FakeBatchServer()
    go(server, folder, tmp_path / "out.csv")
    go(server, folder, tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert len(rows) == 6
    assert len(server.jobs) == len(set(server.names)) == 5
    assert [row["file"] for row in rows].count("scan \ufffd.jpg") == 2


def test_an_erased_job_has_a_row_that_says_so(folder: Path, tmp_path: Path) -> None:
    server = FakeBatchServer()

    def erase(request: httpx.Request) -> None:
        if request.url.path.endswith("/jobs"):
            server.jobs[:] = [job for job in server.jobs if job["filename"] != "2/2.jpg"]

    server.on_request = erase
    go(server, folder, tmp_path / "out.csv")
    assert next(row for row in rows_of(tmp_path / "out.csv") if row["file"] == "2/2.jpg")["error_code"] == "job_erased"


def test_a_batch_that_is_closed_ends_the_run(folder: Path, tmp_path: Path) -> None:
    server = FakeBatchServer()
    server.refusals["images"] = (409, "batch_closed")
    with pytest.raises(RequestRefusedError):
        go(server, folder, tmp_path / "out.csv")


def test_json_lines_are_the_jobs_with_their_files(folder: Path, tmp_path: Path) -> None:
    go(FakeBatchServer(), folder, tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(rows) == 150
    by_file = {row["file"]: row for row in rows}
    assert by_file["2/2.jpg"]["predictions"][0]["label"] == "caries"
    assert by_file["0/0.jpg"]["error"]["code"] == "image_truncated"


def test_a_watched_folder_is_sent_as_it_fills(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    server = FakeBatchServer()
    (folder / "0.jpg").write_bytes(IMAGE)
    (folder / "fresh.jpg").write_bytes(IMAGE)
    os.utime(folder / "0.jpg", (0, 0))

    def show(tally: Tally) -> None:
        if tally.done == 1:
            (folder / "1.jpg").write_bytes(IMAGE)
            os.utime(folder / "1.jpg", (0, 0))
        if tally.done == 2:
            raise KeyboardInterrupt

    plan = Plan(folder, tmp_path / "out.csv", "test", watch=True, look_seconds=0)
    with server.client() as dentiq, Journal(tmp_path / "journal", server=SERVER, folder=folder) as journal:
        run = FolderRun(dentiq, plan, journal, show=show, pause=lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            run.run()
    assert server.names == ["0.jpg", "1.jpg"]
    assert len(rows_of(tmp_path / "out.csv")) == 2


def test_an_error_of_a_thread_is_raised_where_fates_are_taken(folder: Path, tmp_path: Path) -> None:
    server = FakeBatchServer()
    server.crash_before = 3
    with pytest.raises(Crash):
        go(server, folder, tmp_path / "out.csv")
