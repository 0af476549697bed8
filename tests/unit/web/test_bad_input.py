"""Bad input gets a clear answer: a 4xx with a stable code, a sentence on the page, and nothing is kept."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.fake_worker import FakeWorker
from tests.unit.web.conftest import Api, form
from web.sentences import known_codes

MakeImage = Callable[..., bytes]
Stored = Callable[[], list[str]]


def pixel() -> bytes:
    return _encode(Image.new("RGB", (1, 1)), "PNG")


def huge() -> bytes:
    """A PNG whose header declares 60,000 x 60,000 pixels, in 2 kB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))[:2000]


def _encode(picture: Image.Image, image_format: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, image_format)
    return buffer.getvalue()


BAD_IMAGES = {
    "a text file named .jpg": (lambda: b"This is no picture.\n", 415, "image_format_unsupported"),
    "an empty file": (lambda: b"", 400, "image_empty"),
    "one pixel": (pixel, 422, "image_too_small"),
    "60,000 x 60,000 pixels in 2 kB": (huge, 422, "image_too_many_pixels"),
    "a JPEG cut within its header": (lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF", 422, "image_truncated"),
    "a little more than allowed": (lambda: b"\xff\xd8\xff" + bytes(400_000), 413, "image_too_large"),
    "far more than allowed": (lambda: b"\xff\xd8\xff" + bytes(480_000), 413, "image_too_large"),
    "an SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "image_format_unsupported"),
}


@pytest.mark.parametrize(("make", "status", "code"), BAD_IMAGES.values(), ids=BAD_IMAGES.keys())
class TestBadImages:
    """Each bad image, through the API and through the page."""

    def test_the_api_answers_a_problem_and_keeps_nothing(
        self, api: Api, stored_files: Stored, make: Callable[[], bytes], status: int, code: str
    ) -> None:
        response = api.submit(make(), "photo.jpg")
        problem = response.get_json()
        assert response.content_type == "application/problem+json"
        assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
        assert len(problem["detail"]) > 20
        assert problem["request_id"] == response.headers["X-Request-ID"]
        assert stored_files() == []

    def test_the_page_says_a_sentence_in_place(
        self, client: FlaskClient, stored_files: Stored, make: Callable[[], bytes], status: int, code: str
    ) -> None:
        assert code in known_codes()
        upload = form("image", ("photo.jpg", make()))
        english = client.post("/", headers={"HX-Request": "true"}, **upload)
        french = client.post("/", headers={"HX-Request": "true", "Accept-Language": "fr"}, **upload)
        assert english.status_code == french.status_code == status
        assert f'data-code="{code}"' in english.get_data(as_text=True)
        assert english.get_data() != french.get_data()
        assert "<html" not in english.get_data(as_text=True)
        assert stored_files() == []


BAD_BODIES = {
    "nothing at all": ({}, 400, "image_missing"),
    "a form without a file": ({"data": {"note": "x"}}, 400, "image_missing"),
    "an empty form": ({"data": b"", "content_type": "multipart/form-data; boundary=x"}, 400, "image_missing"),
    "a form without a boundary": ({"data": b"x", "content_type": "multipart/form-data"}, 400, "invalid_request"),
    "a text where the file should be": ({"data": {"image": "photo.jpg"}}, 400, "image_missing"),
    "an unchosen file": (
        {
            "data": b'--x\r\nContent-Disposition: form-data; name="image"; filename=""\r\n\r\n\r\n--x--\r\n',
            "content_type": "multipart/form-data; boundary=x",
        },
        400,
        "image_missing",
    ),
    "an image as text": ({"data": {"image": "photo.jpg"}}, 400, "image_missing"),
    "a form that breaks off": (
        {"data": b"--x\r\nContent-Disposition: form", "content_type": "multipart/form-data; boundary=x"},
        400,
        "invalid_request",
    ),
    "JSON": ({"json": {"image": "x"}}, 400, "image_missing"),
    "an empty raw body": ({"data": b"", "content_type": "image/jpeg"}, 400, "image_empty"),
    "a raw body that is too large": (
        {"data": bytes(480_000), "content_type": "image/jpeg"},
        413,
        "image_too_large",
    ),
}


@pytest.mark.parametrize(("request_", "status", "code"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_body_without_an_image_is_refused(
    client: FlaskClient, request_: dict[str, object], status: int, code: str
) -> None:
    response = client.post("/api/v1/jobs", **request_)  # type: ignore[arg-type]
    assert (response.status_code, response.get_json()["code"]) == (status, code)


def test_1100_form_parts_are_too_many(client: FlaskClient, make_image: MakeImage, stored_files: Stored) -> None:
    form = {f"field{number}": "x" for number in range(1100)} | {"image": (io.BytesIO(make_image()), "a.jpg")}
    response = client.post("/api/v1/jobs", data=form)
    assert (response.status_code, response.get_json()["code"]) == (413, "too_many_parts")
    assert "100 parts" in response.get_json()["detail"]
    assert stored_files() == []


def test_two_images_in_one_form_are_refused(client: FlaskClient, make_image: MakeImage) -> None:
    two = [(io.BytesIO(make_image()), "a.jpg"), (io.BytesIO(make_image()), "b.jpg")]
    response = client.post("/api/v1/jobs", data={"image": two})
    assert (response.status_code, response.get_json()["code"]) == (400, "invalid_request")


def test_a_gif_of_500_frames_is_a_picture_like_another(client: FlaskClient, api: Api) -> None:
    frames = [Image.new("L", (40, 40), shade % 250) for shade in range(500)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    job = api.accepted(buffer.getvalue(), "film.gif")
    assert client.get(job["links"]["preview"]).status_code == 200


def test_a_jpeg_that_ends_early_is_accepted_and_its_failure_is_told(
    client: FlaskClient, api: Api, worker: FakeWorker, make_image: MakeImage
) -> None:
    data = make_image(width=400, height=300)
    job = api.accepted(data[: len(data) // 2])
    preview = client.get(job["links"]["preview"])
    assert (preview.status_code, preview.get_json()["code"]) == (422, "image_truncated")
    worker.fail(worker.claim(), code="image_truncated")
    page = client.get(job["links"]["page"]).get_data(as_text=True)
    assert "The end of this photo is missing" in page


FILENAMES = {
    "path": ("../../etc/passwd.jpg", "../../etc/passwd.jpg"),
    "control characters": ("a\x01\x7f\u202eb.jpg", "ab.jpg"),
    "markup": ("<script>alert(1)</script>.jpg", "<script>alert(1)</script>.jpg"),
    "nothing left": ("\u200b", "image.jpeg"),
    "too long": ("x" * 400 + ".jpg", "x" * 251 + ".jpg"),
    "a lone surrogate": ("a\ud800b.jpg", "ab.jpg"),
}


@pytest.mark.parametrize(("sent", "shown"), FILENAMES.values(), ids=FILENAMES.keys())
def test_a_file_name_is_cleaned_and_never_a_path(
    client: FlaskClient, make_image: MakeImage, stored_files: Stored, sent: str, shown: str
) -> None:
    query = {"filename": sent.encode("utf-8", "surrogatepass").decode("utf-8", "replace")}
    response = client.post("/api/v1/jobs", data=make_image(), content_type="image/jpeg", query_string=query)
    job = response.get_json()
    assert job["filename"].replace("\ufffd", "") == shown
    assert stored_files() == [f"images/{job['id'][:2]}/{job['id']}"]
    page = client.get(job["links"]["page"]).get_data(as_text=True)
    assert "<script>alert" not in page


@pytest.mark.parametrize("address", ["/api/v1/batches//results.csv", "/api/v1/jobs//preview", "/jobs//"])
def test_an_address_with_an_empty_part_leads_to_no_other_one(client: FlaskClient, address: str) -> None:
    """A script makes it of an empty variable, and would keep what it is told as its results."""
    answer = client.get(address)
    assert answer.status_code == 404
    assert "Location" not in answer.headers
    if address.startswith("/api/"):
        assert answer.get_json()["code"] == "not_found"
