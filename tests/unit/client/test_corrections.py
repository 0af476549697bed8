"""`dentiq corrections`: a data set folder that grows, follows changes of mind, and gives no job away."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from client import Dentiq, RequestRefusedError, ServerUnreachableError
from client.corrected_index import IndexUnreadableError
from client.corrections import CorrectedFolder, Export, export_corrections
from client.records import Job
from client.retries import RequestRetries
from training.dataset import read_dataset


class CorrectedServer:
    """Corrections in memory, two a page; an image is its job's id."""

    def __init__(self) -> None:
        self.said: dict[str, str | None] = {}  # None: taken back
        self.unreadable: set[str] = set()
        self.fetched: list[str] = []
        self.sent: list[tuple[str, str, Any]] = []
        self.away_after: int | None = None
        self.refusal = (404, "job_not_found")
        self.labels = ("caries", "ulcer")

    def __call__(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.removeprefix("/api/v1/").split("/")
        if parts == ["corrections"]:
            return self._page(int(request.url.params["cursor"]), withdrawn="withdrawn" in request.url.params)
        if parts[-1] == "correction":
            self.sent.append((request.method, parts[1], json.loads(request.content) if request.content else None))
            return httpx.Response(204)
        if self.away_after is not None and len(self.fetched) == self.away_after:
            raise httpx.ConnectError("gone")
        if parts[1] in self.unreadable:
            status, code = self.refusal
            return httpx.Response(status, json={"code": code, "detail": "It was erased.", "title": "x"})
        self.fetched.append(parts[1])
        return httpx.Response(200, content=parts[1].encode())

    def _page(self, cursor: int, *, withdrawn: bool) -> httpx.Response:
        listed = [one for one in self.said.items() if withdrawn or one[1] is not None]
        some = listed[cursor : cursor + 2]
        following = cursor + 2 if len(some) == 2 else None
        return httpx.Response(200, json={"jobs": [_job(*one, self.labels) for one in some], "next_cursor": following})

    def client(self) -> Dentiq:
        return Dentiq(transport=httpx.MockTransport(self), retries=RequestRetries(attempts=1, first_attempts=1))

    def export(self, out: Path) -> Export:
        return export_corrections(self.client(), out, show=lambda _: None)


def _job(job_id: str, label: str | None, labels: tuple[str, ...]) -> dict[str, Any]:
    predictions = [{"label": name, "probability": p} for name, p in zip(labels, (0.9, 0.1), strict=True)]
    return {
        "id": job_id,
        "status": "succeeded",
        "outcome": "answered",
        "model_version": "m1",
        "predictions": predictions,
        "correction": label and {"label": label, "verdict": "wrong", "corrected_at": "2026-01-01T00:00:00Z"},
    }


@pytest.fixture
def server() -> CorrectedServer:
    return CorrectedServer()


def held(out: Path) -> dict[str, list[str]]:
    """What each label's folder holds, by what the files hold."""
    return {
        folder.name: sorted(file.read_text() for file in folder.iterdir())
        for folder in sorted(out.iterdir())
        if folder.is_dir()
    }


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "index.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_pages_become_folders_that_training_reads_as_they_are(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "ulcer", "b": "caries", "c": "ulcer", "d": "gum_disease", "e": "caries"}
    export = server.export(tmp_path / "new" / "data")
    out = tmp_path / "new" / "data"
    assert held(out) == {"caries": ["b", "e"], "gum_disease": ["d"], "ulcer": ["a", "c"]}
    assert (export.written, export.labels) == (5, {"caries": 2, "ulcer": 2, "gum_disease": 1})
    dataset = read_dataset(out)
    assert dataset.labels == ("caries", "gum_disease", "ulcer")
    assert {sample.file for sample in dataset.samples} == {row["file"] for row in rows(out)}
    # What is the same scene, training finds out by looking.
    assert {sample.group for sample in dataset.samples} == {""}
    assert {row["answer"] for row in rows(out)} == {"caries"}


def test_no_file_and_no_line_names_a_job(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"secretid": "ulcer"}
    server.export(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if "secretid" in path.name]
    assert "secretid" not in (tmp_path / "index.csv").read_text()


def test_what_names_no_label_is_left_out_and_counted(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "ulcer", "b": "other", "c": "not_dental", "d": "../../outside", "e": "other"}
    export = server.export(tmp_path / "data")
    assert held(tmp_path / "data") == {"ulcer": ["a"]}
    assert export.left_out == {"other": 2, "not_dental": 1, "../../outside": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_same_again_fetches_what_is_new_alone(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "ulcer", "b": "caries"}
    server.export(tmp_path)
    server.said["c"] = "ulcer"
    export = server.export(tmp_path)
    assert (export.written, export.kept) == (1, 2)
    assert server.fetched == ["a", "b", "c"]
    assert len(rows(tmp_path)) == 3


def test_a_change_of_mind_moves_the_photograph_or_takes_it_out(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "ulcer", "b": "caries"}
    server.export(tmp_path)
    server.said["a"] = "caries"
    server.export(tmp_path)
    assert held(tmp_path) == {"caries": ["a", "b"]}
    assert {row["label"] for row in rows(tmp_path)} == {"caries"}
    server.said["a"] = "other"
    server.export(tmp_path)
    assert held(tmp_path) == {"caries": ["b"]}
    assert len(rows(tmp_path)) == 1
    assert server.fetched == ["a", "b"]


def test_what_the_server_has_erased_stays_in_the_data_set(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "ulcer", "b": "caries"}
    server.export(tmp_path)
    server.said = {"c": "ulcer"}
    export = server.export(tmp_path)
    assert held(tmp_path) == {"caries": ["b"], "ulcer": ["a", "c"]}
    assert (export.labels, export.unreported) == ({"caries": 1, "ulcer": 2}, 2)
    assert len(rows(tmp_path)) == 3


def test_what_was_taken_back_is_taken_out_and_nothing_else(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "ulcer", "b": "caries", "c": "caries"}
    server.export(tmp_path)
    (tmp_path / "caries" / "mine.jpg").write_text("mine")
    server.said = {"a": None, "b": None, "d": None}  # and c was erased
    export = server.export(tmp_path)
    assert held(tmp_path) == {"caries": ["c", "mine"]}
    assert (export.withdrawn, export.unreported, export.labels) == (2, 1, {"caries": 1})
    assert [row["label"] for row in rows(tmp_path)] == ["caries"]
    server.said["a"] = "caries"
    assert server.export(tmp_path).written == 1
    assert held(tmp_path) == {"caries": ["a", "c", "mine"]}


def test_a_kill_before_the_index_is_written_loses_no_line(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "ulcer", "b": "caries"}
    server.export(tmp_path)
    # As a kill leaves it: one photograph moved, one fetched, and the index as it was before.
    killed = CorrectedFolder(tmp_path)
    for job_id, label in (("a", "caries"), ("c", "ulcer")):
        killed.add(Job.from_answer(_job(job_id, label, server.labels)), fetch=str.encode, export=Export())
    server.said = {}
    server.export(tmp_path)
    assert held(tmp_path) == {"caries": ["a", "b"], "ulcer": ["c"]}
    listed = {row["file"]: row["label"] for row in rows(tmp_path)}
    assert listed == {str(path.relative_to(tmp_path)): path.parent.name for path in tmp_path.glob("*/*.jpg")}
    assert len(read_dataset(tmp_path).samples) == 3


MINE = "caries/mine.jpg,caries,zähne"
SAVED = {
    "with a byte order mark": (f"\ufefffile,label,notes\r\n{MINE}\r\n", "utf-8"),
    "with empty cells at the ends of lines": (f"file,label,notes,,\r\n{MINE},,\r\n,,,,\r\n", "utf-8"),
    "with blanks around names": (f" file , label,notes\n{MINE}\n", "utf-8"),
}


@pytest.mark.parametrize(("text", "encoding"), SAVED.values(), ids=SAVED.keys())
def test_an_index_as_a_spreadsheet_saves_it_is_added_to(
    server: CorrectedServer, tmp_path: Path, text: str, encoding: str
) -> None:
    index = tmp_path / "index.csv"
    index.write_bytes(text.encode(encoding))
    server.said = {"a": "ulcer"}
    for _ in range(2):
        server.export(tmp_path)
        assert index.read_bytes().startswith(b"\xef\xbb\xbf") == text.startswith("\ufeff")
        with index.open(newline="", encoding="utf-8-sig") as file:
            listed = list(csv.DictReader(file))
        assert [row["label"] for row in listed] == ["caries", "ulcer"]
        assert listed[0]["notes"] == "zähne"
        assert set(listed[0]) == {"file", "label", "notes", "group", "answer", "model_version"}


UNREADABLE = {
    "in another encoding": (f"file,label,notes\n{MINE}\n".encode("cp1252"), "line 2: byte 0xe4 is not UTF-8"),
    "with semicolons": (b"file;label\ncaries/mine.jpg;caries\n", "line 1: there is no column `file` in 'file;label'"),
    "with a cell of no column": (b"file,label\na,caries,why?\n", "line 2: 'why?' stands in no column"),
    "with a cell of a column without a name": (b"file,,label\na,why?,caries\n", "line 2: 'why?' stands in no column"),
    "with a name twice": (b"file,label,label\n", "two columns are called `label`"),
    "with a quote that never ends": (b'file,label\n"a,caries\n', "line 2: unexpected end of data"),
}


@pytest.mark.parametrize(("data", "said"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_index_that_cannot_be_understood_is_told_by_line_and_kept(
    server: CorrectedServer, tmp_path: Path, data: bytes, said: str
) -> None:
    (tmp_path / "index.csv").write_bytes(data)
    server.said = {"a": "ulcer"}
    with pytest.raises(IndexUnreadableError, match=re.escape(said)):
        server.export(tmp_path)
    assert (tmp_path / "index.csv").read_bytes() == data
    assert server.fetched == []


def test_a_data_set_of_another_making_is_added_to_and_not_touched(server: CorrectedServer, tmp_path: Path) -> None:
    (tmp_path / "caries").mkdir()
    (tmp_path / "caries" / "mine.jpg").write_text("mine")
    mine = {"file": "caries/mine.jpg", "label": "caries", "split": "test", "group": "g1", "notes": "two, with a comma"}
    with (tmp_path / "index.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, mine)
        table.writeheader()
        table.writerow(mine)
    server.said = {"a": "ulcer", "b": "caries"}
    for _ in range(2):
        server.export(tmp_path)
        assert held(tmp_path) == {"caries": ["b", "mine"], "ulcer": ["a"]}
        assert rows(tmp_path)[0] == {**mine, "answer": "", "model_version": ""}
        assert [row["split"] for row in rows(tmp_path)] == ["test", "", ""]


def test_a_class_of_that_name_is_a_class(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "other", "b": "caries"}
    server.labels = ("caries", "other")
    server.export(tmp_path)
    assert held(tmp_path) == {"caries": ["b"], "other": ["a"]}


def test_a_refusal_of_everything_ends_the_export(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "ulcer", "b": "caries"}
    server.unreadable = {"a", "b"}
    server.refusal = (403, "scope_missing")
    with pytest.raises(RequestRefusedError):
        server.export(tmp_path)


def test_a_picture_that_went_away_is_told_and_costs_the_others_nothing(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = {"a": "ulcer", "b": "caries", "c": "caries"}
    server.unreadable = {"b"}
    export = server.export(tmp_path)
    assert (export.written, export.failed) == (2, {"job_not_found": 1})
    assert held(tmp_path) == {"caries": ["c"], "ulcer": ["a"]}


def test_an_export_that_broke_off_is_a_data_set_and_goes_on(server: CorrectedServer, tmp_path: Path) -> None:
    server.said = dict.fromkeys("abcde", "ulcer")
    server.away_after = 3
    with pytest.raises(ServerUnreachableError):
        server.export(tmp_path)
    assert len(rows(tmp_path)) == 3
    (tmp_path / "index.csv").unlink()  # as a kill leaves it
    server.away_after = None
    server.export(tmp_path)
    assert server.fetched == list("abcde")
    assert len(rows(tmp_path)) == 5


def test_a_correction_is_sent_confirmed_and_withdrawn(server: CorrectedServer) -> None:
    with server.client() as dentiq:
        dentiq.correct("a/b", "ulcer")
        dentiq.confirm("j1")
        dentiq.withdraw_correction("j1")
        assert dentiq.image("j1") == b"j1"
    assert server.sent[1:] == [("PUT", "j1", {"verdict": "right"}), ("DELETE", "j1", None)]
    assert server.sent[0][2] == {"label": "ulcer"}


def test_a_refusal_is_raised_with_its_code(server: CorrectedServer) -> None:
    server.unreadable = {"j1"}
    with server.client() as dentiq, pytest.raises(RequestRefusedError) as refused:
        dentiq.image("j1")
    assert refused.value.code == "job_not_found"
