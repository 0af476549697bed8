"""Batches over HTTP: made, filled, read, exported, cancelled, erased."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.jobs.record import Outcome
from tests.unit.web.conftest import form


class Folder:
    """A batch with verbs."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        made = client.post("/api/v1/batches", json={"name": "Monday"})
        assert made.status_code == 201
        self.url = made.headers["Location"]

    def add(self, *images: tuple[str, bytes], key: str | None = None) -> TestResponse:
        files = [(io.BytesIO(data), name) for name, data in images]
        return self.client.post(f"{self.url}/images", data={"images": files}, headers=_key(key))

    def add_zip(self, *entries: tuple[str, bytes], key: str | None = None) -> TestResponse:
        return self.add_archive(zipped(*entries), key=key)

    def add_archive(self, data: bytes, key: str | None = None) -> TestResponse:
        return self.client.post(f"{self.url}/images", headers=_key(key), **form("archive", ("folder.zip", data)))

    def read(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get(self.url).get_json()
        return answer

    def rows(self) -> list[dict[str, str]]:
        text = self.client.get(f"{self.url}/results.csv").get_data(as_text=True)
        return list(csv.DictReader(io.StringIO(text)))


def _key(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def zipped(*entries: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return file.getvalue()


@pytest.fixture
def folder(client: FlaskClient) -> Folder:
    return Folder(client)


@pytest.fixture
def photo(make_image: Callable[..., bytes]) -> bytes:
    return make_image()


def test_a_new_batch_is_empty(folder: Folder) -> None:
    batch = folder.read()
    assert (batch["name"], batch["state"], batch["total"]) == ("Monday", "open", 0)
    assert batch["counts"] == {"queued": 0, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 0}


def test_images_become_bulk_jobs_and_bad_ones_are_told(folder: Folder, photo: bytes) -> None:
    answer = folder.add(("a.jpg", photo), ("notes.jpg", b"no image"), ("b.jpg", photo))
    assert answer.status_code == 202
    assert [image["filename"] for image in answer.get_json()["accepted"]] == ["a.jpg", "b.jpg"]
    (rejected,) = answer.get_json()["rejected"]
    assert (rejected["filename"], rejected["code"]) == ("notes.jpg", "image_format_unsupported")
    assert folder.read()["counts"]["queued"] == 2
    job = folder.client.get(f"/api/v1/jobs/{answer.get_json()['accepted'][0]['id']}").get_json()
    assert (job["queue"], job["batch_id"]) == ("bulk", folder.read()["id"])


def test_results_are_counted_and_exported(folder: Folder, photo: bytes, worker: Any) -> None:
    folder.add(("a.jpg", photo), ("=HYPERLINK(1).jpg", photo))
    worker.succeed(worker.claim())
    batch = folder.read()
    assert batch["counts"]["succeeded"] == sum(batch["labels"].values()) == sum(batch["outcomes"].values()) == 2
    assert batch["images_per_second"] > 0
    assert batch["seconds_left"] == 0
    rows = folder.rows()
    # A spreadsheet would run a cell that begins with an equals sign.
    assert [row["file"] for row in rows] == ["a.jpg", "'=HYPERLINK(1).jpg"]
    assert {row["status"] for row in rows} == {"succeeded"}
    assert float(rows[0][rows[0]["label"]]) == float(rows[0]["probability"])
    exported = json.loads(folder.client.get(f"{folder.url}/results.json").get_data())
    assert [job["id"] for job in exported] == [row["job_id"] for row in rows]


def test_an_empty_batch_exports_an_empty_table(folder: Folder) -> None:
    assert folder.rows() == []
    assert json.loads(folder.client.get(f"{folder.url}/results.json").get_data()) == []


def test_jobs_are_listed_page_by_page(folder: Folder, photo: bytes) -> None:
    folder.add(*[(f"{number}.jpg", photo) for number in range(5)])
    names: list[str] = []
    cursor: int | None = 0
    while cursor is not None:
        page = folder.client.get(f"{folder.url}/jobs?cursor={cursor}&limit=2").get_json()
        names += [job["filename"] for job in page["jobs"]]
        cursor = page["next_cursor"]
    assert names == [f"{number}.jpg" for number in range(5)]


@pytest.mark.parametrize(("cursor", "status"), [(2**53 - 1, 200), (2**53, 422), ("9" * 20, 422), (-1, 422)])
def test_a_cursor_is_bounded(folder: Folder, photo: bytes, cursor: object, status: int) -> None:
    folder.add(("a.jpg", photo))
    assert folder.client.get(f"{folder.url}/jobs?cursor={cursor}").status_code == status


def test_an_archive_keeps_folders_as_names_and_drops_clutter(folder: Folder, photo: bytes) -> None:
    answer = folder.add_zip(
        ("mouth/upper/1.jpg", photo),
        ("../../etc/2.jpg", photo),
        ("C:\\photos\\3.jpg", photo),
        ("__MACOSX/._1.jpg", b"x"),
        ("mouth/.DS_Store", b"x"),
        ("readme.txt", b"hello"),
    ).get_json()
    assert [image["filename"] for image in answer["accepted"]] == ["mouth/upper/1.jpg", "etc/2.jpg", "C:/photos/3.jpg"]
    assert [image["filename"] for image in answer["rejected"]] == ["readme.txt"]


def test_nothing_of_an_archive_is_written_outside_the_storage(
    folder: Folder, photo: bytes, stored_files: Callable[[], list[str]]
) -> None:
    folder.add_zip(("../../../../tmp/escaped.jpg", photo))
    assert [name.split("/")[0] for name in stored_files()] == ["images"]


def test_a_bomb_in_an_archive_is_rejected_and_its_neighbour_taken(folder: Folder, photo: bytes) -> None:
    answer = folder.add_zip(("bomb.jpg", b"\xff\xd8\xff" + bytes(50_000_000)), ("a.jpg", photo)).get_json()
    assert [image["filename"] for image in answer["accepted"]] == ["a.jpg"]
    assert [image["code"] for image in answer["rejected"]] == ["image_too_large"]


def test_a_damaged_entry_is_rejected_and_its_neighbour_taken(folder: Folder, photo: bytes) -> None:
    data = bytearray(zipped(("bad.jpg", photo), ("good.jpg", photo)))
    data[60] ^= 0xFF
    answer = folder.add_archive(bytes(data)).get_json()
    assert [image["filename"] for image in answer["accepted"]] == ["good.jpg"]
    assert [image["filename"] for image in answer["rejected"]] == ["bad.jpg"]


@pytest.mark.parametrize("data", [b"", b"no archive", zipped(("a.jpg", b"x"))[:40]])
def test_what_is_no_archive_is_refused(folder: Folder, data: bytes) -> None:
    answer = folder.add_archive(data)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "archive_corrupt")


def test_an_archive_with_too_many_entries_is_refused(folder: Folder) -> None:
    answer = folder.add_zip(*[(f"{number}", b"") for number in range(101)])
    assert (answer.status_code, answer.get_json()["code"]) == (413, "archive_too_large")
    assert "101 entries" in answer.get_json()["detail"]


def test_the_same_request_under_the_same_key_is_answered_again(
    folder: Folder, photo: bytes, make_image: Callable[..., bytes]
) -> None:
    first = folder.add(("a.jpg", photo), key="k").get_json()
    assert folder.add(("a.jpg", photo), key="k").get_json() == first
    other = folder.add(("b.jpg", photo), key="k")
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_conflict")
    assert folder.read()["total"] == 1


def test_a_batch_is_made_once_for_one_key(client: FlaskClient) -> None:
    first = client.post("/api/v1/batches", json={"name": "x"}, headers=_key("k")).get_json()
    assert client.post("/api/v1/batches", json={"name": "x"}, headers=_key("k")).get_json()["id"] == first["id"]
    assert client.post("/api/v1/batches", json={"name": "y"}, headers=_key("k")).status_code == 422


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "there is no Content-Type"),
        (
            {"data": "name=x", "content_type": "application/x-www-form-urlencoded"},
            "'application/x-www-form-urlencoded'",
        ),
        ({"data": "", "content_type": "application/json"}, "the body is empty"),
        ({"json": ["Monday"]}, "the body is something else"),
    ],
)
def test_a_batch_needs_a_json_object(client: FlaskClient, sent: dict[str, Any], said: str) -> None:
    answer = client.post("/api/v1/batches", **sent)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    assert said in answer.get_json()["detail"]
    assert "Content-Type: application/json" in answer.get_json()["detail"]


def test_a_zip_among_images_is_told_where_it_belongs(folder: Folder, photo: bytes) -> None:
    answer = folder.add(("folder.zip", zipped(("a.jpg", photo))), ("b.jpg", photo)).get_json()
    assert [image["filename"] for image in answer["accepted"]] == ["b.jpg"]
    assert "field `archive`" in answer["rejected"][0]["message"]


def test_images_and_an_archive_may_come_together(folder: Folder, photo: bytes) -> None:
    data = {"images": [(io.BytesIO(photo), "a.jpg")], "archive": (io.BytesIO(zipped(("b.jpg", photo))), "b.zip")}
    answer = folder.client.post(f"{folder.url}/images", data=data)
    assert [image["filename"] for image in answer.get_json()["accepted"]] == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("field", ["images", "archive"])
def test_a_field_without_a_file_name_is_told_so(folder: Folder, photo: bytes, field: str) -> None:
    data = {"images": [(io.BytesIO(photo), "a.jpg")], field: "text"} if field == "archive" else {field: "text"}
    answer = folder.client.post(f"{folder.url}/images", data=data)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")
    assert "as text" in answer.get_json()["detail"]


def test_a_label_counts_where_the_model_stands_by_it(folder: Folder, photo: bytes, worker: Any) -> None:
    folder.add(*[(f"{number}.jpg", photo) for number in range(3)])
    claims = worker.claim()
    for claim, outcome in zip(claims, Outcome, strict=True):
        worker.succeed([claim], outcome=outcome)
    batch = folder.read()
    assert batch["counts"]["succeeded"] == 3
    assert batch["outcomes"] == {"answered": 1, "uncertain": 1, "not_dental": 1}
    assert batch["labels"] == {"caries": 1}


def test_what_was_erased_answers_without_a_body(folder: Folder) -> None:
    answer = folder.client.delete(folder.url)
    assert (answer.status_code, answer.data, "Content-Type" in answer.headers) == (204, b"", False)


def test_too_many_images_in_a_request_are_refused(folder: Folder, photo: bytes) -> None:
    answer = folder.add(*[(f"{number}.jpg", photo) for number in range(65)])
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_many_parts")
    assert folder.read()["total"] == 0


UNCHOSEN = b'--x\r\nContent-Disposition: form-data; name="images"; filename=""\r\n\r\n\r\n--x--\r\n'


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {}, "content_type": "multipart/form-data"},
        {"data": {"image": "text"}},
        {"data": UNCHOSEN, "content_type": "multipart/form-data; boundary=x"},
    ],
)
def test_a_request_without_images_is_refused(folder: Folder, sent: dict[str, Any]) -> None:
    answer = folder.client.post(f"{folder.url}/images", **sent)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "image_missing")


def test_a_cancelled_batch_keeps_its_results_and_takes_no_more(folder: Folder, photo: bytes, worker: Any) -> None:
    folder.add(("a.jpg", photo))
    worker.succeed(worker.claim())
    folder.add(("b.jpg", photo))
    cancelled = folder.client.post(f"{folder.url}/cancel").get_json()
    assert cancelled["state"] == "cancelled"
    assert (cancelled["counts"]["succeeded"], cancelled["counts"]["cancelled"]) == (1, 1)
    answer = folder.add(("c.jpg", photo))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "batch_closed")


def test_an_erased_batch_is_gone_with_its_jobs(folder: Folder, photo: bytes) -> None:
    job_id = folder.add(("a.jpg", photo)).get_json()["accepted"][0]["id"]
    assert folder.client.delete(folder.url).status_code == 204
    assert folder.client.get(folder.url).status_code == 404
    assert folder.client.get(f"/api/v1/jobs/{job_id}").status_code == 404
    assert folder.client.delete(folder.url).status_code == 404


@pytest.mark.parametrize("suffix", ["", "/jobs", "/results.csv", "/results.json"])
def test_an_unknown_batch_is_not_found(client: FlaskClient, suffix: str) -> None:
    answer = client.get(f"/api/v1/batches/nosuchbatch{suffix}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "batch_not_found")


def test_images_for_an_unknown_batch_are_not_stored(
    client: FlaskClient, photo: bytes, stored_files: Callable[[], list[str]]
) -> None:
    answer = client.post("/api/v1/batches/nosuchbatch/images", data={"images": (io.BytesIO(photo), "a.jpg")})
    assert answer.status_code == 404
    assert stored_files() == []
