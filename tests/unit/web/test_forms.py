"""Multipart forms as browsers, curl and libraries write them, and as nobody should."""

import io

import pytest
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from common.errors import InvalidRequestError
from web.forms import FormParser

File = tuple[str, str, bytes]

BOUNDARY = "----WebKitFormBoundaryAAAA"
END = f"--{BOUNDARY}--\r\n".encode()


def part(disposition: bytes, data: bytes = b"x", *headers: bytes) -> bytes:
    lines = (b"Content-Disposition: form-data; " + disposition, *headers)
    return b"--" + BOUNDARY.encode() + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + data + b"\r\n"


def read(body: bytes, parser: FormDataParser | None = None) -> tuple[list[tuple[str, str]], list[File]]:
    stream = io.BytesIO(body)
    _, form, files = (parser or FormParser()).parse(stream, "multipart/form-data", len(body), {"boundary": BOUNDARY})
    assert stream.read() == b""
    found = [(name, str(file.filename), file.stream.read()) for name, file in files.items(multi=True)]
    for _, kept in files.lists():
        for file in kept:
            file.close()
    return list(form.items(multi=True)), found


FORMS: dict[str, bytes] = {
    "a browser": part(b'name="image"; filename="a.jpg"', b"\xff\xd8\r\n--x", b"Content-Type: image/jpeg") + END,
    "files of one name": part(b'name="images"; filename="a/1.jpg"') + part(b'name="images"; filename="2"') + END,
    "text beside a file": part(b'name="webhook_url"', "é".encode()) + part(b'name="image"; filename="x"') + END,
    "curl's order": part(b'filename="a.jpg"; name="image"') + END,
    "no file chosen": part(b'name="image"; filename=""', b"", b"Content-Type: application/octet-stream") + END,
    "a name in UTF-8": part('name="image"; filename="carié.jpg"'.encode()) + END,
    "a star in a name": part('name="image"; filename="carié*.jpg"'.encode()) + END,
    "a name in RFC 5987": part(b"name=\"image\"; filename*=utf-8''cari%C3%A9.jpg") + END,
    "a name in both": part(b'name="image"; filename="carie.jpg"; filename*=utf-8\'\'cari%C3%A9.jpg') + END,
    "text of another charset": part(b'name="note"', b"\xe9", b"Content-Type: text/plain; charset=iso-8859-1") + END,
    "no quotes": part(b"name=image; filename=a.jpg") + END,
    "a preamble and an epilogue": b"to whom it may concern\r\n" + part(b'name="a"') + END + b"yours\r\n" * 20_000,
    "an empty form": END,
}


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS.keys())
def test_a_form_is_read_as_werkzeug_reads_it(body: bytes) -> None:
    assert read(body) == read(body, FormDataParser())


def test_a_large_file_comes_through_whole() -> None:
    data = bytes(range(256)) * 5000 + b"\r\n--" + BOUNDARY[:-1].encode() + b"\r\n" + b"\r" * 70_000
    assert read(part(b'name="image"; filename="a"', data) + END) == ([], [("image", "a", data)])


def test_a_name_in_another_charset_is_kept_as_well_as_it_can_be() -> None:
    _, ((_, filename, _),) = read(part(b'name="image"; filename="cari\xe9.jpg"') + END)
    assert filename == "carié.jpg"


BROKEN: dict[str, bytes] = {
    "no boundary": b"hello" * 50_000,
    "no end": part(b'name="image"; filename="a"'),
    "half a head": b"--" + BOUNDARY.encode() + b"\r\nContent-Disposition: form",
    "no disposition": b"--" + BOUNDARY.encode() + b"\r\nX-Y: z\r\n\r\nx\r\n" + END,
    "a part without even an empty body": part(b'name="image"; filename="a"', b"").replace(b"\r\n\r\n\r\n", b"\r\n\r\n")
    + END,
    "no colon": b"--" + BOUNDARY.encode() + b"\r\nhello\r\n\r\nx\r\n" + END,
    "a head without end": b"--" + BOUNDARY.encode() + b"\r\n" + b"X-Y: z\r\n" * 30_000 + b"\r\n" + END,
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_form_is_told(body: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        read(body)


@pytest.mark.parametrize("boundary", ["", "a\nb", "é" * 10])
def test_a_boundary_that_is_none_makes_no_form(boundary: str) -> None:
    with pytest.raises(InvalidRequestError):
        FormParser().parse(io.BytesIO(END), "multipart/form-data", len(END), {"boundary": boundary})


@pytest.mark.parametrize("boundary", ["", BOUNDARY])
def test_nothing_is_an_empty_form(boundary: str) -> None:
    _, form, files = FormParser().parse(io.BytesIO(), "multipart/form-data", 0, {"boundary": boundary})
    assert (list(form), list(files)) == ([], [])


@pytest.mark.parametrize(
    ("limits", "body"),
    [
        ({"max_form_parts": 2}, part(b'name="a"') * 3 + END),
        ({"max_form_parts": 2}, part(b'name="a"; filename="b"') * 3 + END),
        ({"max_form_memory_size": 1000}, part(b'name="a"', b"x" * 1001) + END),
    ],
)
def test_a_form_above_its_limits_is_too_large(limits: dict[str, int], body: bytes) -> None:
    with pytest.raises(RequestEntityTooLarge):
        read(body, FormParser(**limits))  # type: ignore[arg-type]  # each is a number


def test_a_form_that_is_urlencoded_is_read_too() -> None:
    _, form, _ = FormParser().parse(io.BytesIO(b"a=1&a=2"), "application/x-www-form-urlencoded", 7, {})
    assert form.getlist("a") == ["1", "2"]
