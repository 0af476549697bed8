"""Files made to hurt: bombs, polyglots, false declarations, and what is no picture at all."""

import struct
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image

from tests.corpus.pictures import encode, heic, picture, sound, zipped


def png(width: int, height: int, *, colour: int = 2, more: bytes = b"", pixels: bytes = b"") -> bytes:
    """A PNG that declares a size, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    data = zlib.compress(pixels or bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def scans(count: int, *, edge: int = 3000) -> bytes:
    """A progressive JPEG whose last scan comes many times: each passes over the whole picture."""
    data = encode(Image.new("L", (edge, edge)), "JPEG", progressive=True, quality=20)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + b"\xff\xd9"


def run_lengths(size: int) -> bytes:
    """A BMP of this many bytes in runs of one pixel, which Pillow reads in Python."""
    width = height = 4000
    body = (b"\x01\x05" * 1000 + b"\x00\x00") * (size // 2002)
    offset = 14 + 40 + 1024
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + header + bytes(1024) + body


def looped_tiff() -> bytes:
    """A TIFF whose directory leads back to itself."""
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIIHI", 1, 256, 3, 1, 64, 8, 8)


def _patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


def _jpeg_of(width: int, height: int) -> bytes:
    data = encode(picture(), "JPEG")
    place = data.index(b"\xff\xc0")
    return data[: place + 5] + struct.pack(">HH", height, width) + data[place + 9 :]


@cache
def traps() -> dict[str, bytes]:
    """Make each trap, by a name with the extension that it pretends."""
    bomb = zlib.compress(bytes(50_000_000))
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><image href='file:///etc/passwd'/></svg>"
    jpeg = sound()["baseline.jpg"]
    makers: dict[str, Callable[[], bytes]] = {
        "pixels.png": lambda: png(60_000, 60_000),
        "negative.png": lambda: png(0xFFFFFFFF, 0xFFFFFFFF),
        "no-size.png": lambda: png(0, 0),
        "profile-bomb.png": lambda: png(64, 64, more=chunk(b"iCCP", b"x\0\0" + bomb)),
        "text-bomb.png": lambda: png(64, 64, more=chunk(b"zTXt", b"x\0\0" + bomb)),
        "pixel-bomb.png": lambda: png(64, 64, pixels=bytes(50_000_000)),
        "many-chunks.png": lambda: png(64, 64, more=chunk(b"tEXt", b"x\0y") * 20_000),
        "large-and-black.png": lambda: encode(Image.new("RGBA", (6000, 6000)), "PNG"),
        "large-and-black.webp": lambda: encode(Image.new("RGBA", (6000, 6000)), "WEBP", lossless=True),
        "pixels.jpg": lambda: _jpeg_of(65_500, 65_500),
        "more-lines-than-there-are.jpg": lambda: _jpeg_of(96, 60_000),
        "scans.jpg": lambda: scans(5000),
        "scans-within-the-limit.jpg": lambda: scans(50),
        "runs.bmp": lambda: run_lengths(8_000_000),
        "runs-within-the-limit.bmp": lambda: run_lengths(3_000_000),
        "pixels.bmp": lambda: _patched(
            encode(picture(64, 48), "BMP"), struct.pack("<ii", 64, 48), struct.pack("<ii", 2**31 - 1, -(2**31))
        ),
        "pixels.gif": lambda: _patched(
            encode(picture(mode="P"), "GIF"), struct.pack("<HH", 96, 64), struct.pack("<HH", 65535, 65535)
        ),
        "frames.gif": lambda: encode(
            Image.new("L", (40, 40)),
            "GIF",
            save_all=True,
            append_images=[Image.new("L", (40, 40), shade % 250) for shade in range(400)],
        ),
        "looped.tif": looped_tiff,
        "pixel.png": lambda: png(1, 1),
        "line.png": lambda: encode(Image.new("RGB", (4000, 1)), "PNG"),
        "column.jpg": lambda: encode(Image.new("RGB", (1, 4000)), "JPEG"),
        "empty.jpg": lambda: b"",
        "one-byte.jpg": lambda: b"\xff",
        "drawing.svg": lambda: svg,
        "drawing.jpg": lambda: svg,
        "page.png": lambda: b"<!doctype html><script>alert(1)</script>",
        "document.pdf": lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
        "archive.jpg": zipped,
        "picture-and-archive.jpg": lambda: jpeg + zipped(),
        "gif-and-script.gif": lambda: b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)",
        "picture-and-page.jpg": lambda: jpeg[:2] + b"\xff\xfe\x00\x20<script>alert(1)</script>/* */" + jpeg[2:],
        "two-in-one.png": lambda: encode(picture(), "PNG") + jpeg,
        "photo.avif": lambda: encode(picture(), "AVIF"),
        "photo.jp2": lambda: encode(picture(), "JPEG2000"),
        "icon.ico": lambda: encode(picture(64, 64), "ICO"),
        "executable.jpg": lambda: b"\x7fELF" + bytes(2000),
        "heic-named.jpg": heic,
        "bmp-named.jpg": lambda: encode(picture(64, 48), "BMP"),
        "zeros.jpg": lambda: b"\xff\xd8\xff" + bytes(100_000),
        "markers.jpg": lambda: b"\xff\xd8" + b"\xff\xe1\x00\x02" * 100_000,
    }
    return {name: make() for name, make in makers.items()}
