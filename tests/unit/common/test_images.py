"""Image files by their bytes: what is accepted, what is refused and why, and that pictures come out upright."""

import contextlib
import io
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageFile

from common import errors
from common.images import ImageLimits, encode_preview, encode_whole, inspect_image, open_upright
from common.orientation import read_orientation

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=4_000_000, min_edge=8)
ORIGINALS = Path(__file__).resolve().parents[4] / "shared" / "originals"

Maker = Callable[..., bytes]


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """A left-to-right and top-to-bottom ramp, so that turns and flips show."""
    across = np.linspace(0, 255, width, dtype=np.uint8)[None, :].repeat(height, axis=0)
    down = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, axis=1)
    return Image.fromarray(np.dstack([across, down, np.full_like(across, 90)])).convert(mode)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))


def huge_png(width: int, height: int) -> bytes:
    """A PNG header that declares a picture of any size in a few bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1500))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("GIF", "image/gif"),
    ],
)
def test_every_accepted_format_is_recognised_by_its_bytes(kind: str, content_type: str) -> None:
    info = inspect_image(encode(picture(), kind), LIMITS)
    assert (info.format, info.content_type, info.width, info.height) == (kind, content_type, 64, 48)
    assert open_upright(encode(picture(), kind)).size == (64, 48)


def test_a_multi_picture_jpeg_is_read_as_its_first_picture() -> None:
    data = encode(picture(), "MPO", save_all=True, append_images=[picture(32, 32)])
    assert inspect_image(data, LIMITS).format == "JPEG"
    assert open_upright(data).size == (64, 48)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", errors.ImageEmptyError, "0 bytes"),
        (b"I am a text file named photo.jpg", errors.ImageFormatError, "JPEG, PNG"),
        (b"%PDF-1.7 something", errors.ImageFormatError, "renaming"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", errors.ImageRejectedError, "HEIF"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00", errors.ImageFormatError, "as JPEG"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00avifmif1", errors.ImageFormatError, "AVIF"),
        (b"\xff\xd8\xff" + bytes(1_000_000), errors.ImageTooLargeError, "1.0 MB"),
        (encode(picture(1, 1), "PNG"), errors.ImageTooSmallError, "1 x 1"),
        (huge_png(60_000, 60_000), errors.ImageTooManyPixelsError, "60000 x 60000"),
        (b"\xff\xd8\xff", errors.ImageRejectedError, "JPEG"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", errors.ImageRejectedError, "WEBP"),
        (b"II*\x00\xff\xff\xff\xff", errors.ImageRejectedError, "TIFF"),
        (b"BM", errors.ImageRejectedError, "BMP"),
    ],
)
def test_bad_bytes_are_refused_with_a_sentence_that_helps(
    data: bytes, error: type[errors.ImageRejectedError], words: str
) -> None:
    with pytest.raises(error) as caught:
        inspect_image(data, LIMITS)
    assert words in caught.value.message
    assert isinstance(caught.value, errors.DentiqError)


def test_inspection_reads_the_header_only_even_of_an_animation_with_500_frames() -> None:
    frames = [Image.new("P", (64, 64), index % 250) for index in range(500)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:], optimize=False)
    inspect_image(data, LIMITS)
    fastest = min(_seconds(lambda: inspect_image(data, LIMITS)) for _ in range(20))
    assert fastest < 0.005
    assert open_upright(data).size == (64, 64)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_file_that_ends_early_is_refused_when_decoded(kind: str, kept: float) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    whole = encode(noise(200, 150), kind, **options)
    with pytest.raises(errors.ImageRejectedError) as caught:
        open_upright(whole[: int(len(whole) * kept)])
    assert caught.value.code in {"image_truncated", "image_corrupt"}


def test_a_truncated_jpeg_is_called_truncated() -> None:
    whole = encode(noise(200, 150), "JPEG")
    with pytest.raises(errors.ImageTruncatedError):
        open_upright(whole[: len(whole) // 2])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_come_out_upright_whatever_their_exif_orientation(kind: str, orientation: int) -> None:
    inverse = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = picture()
    if orientation in inverse:
        stored = stored.transpose(list(Image.Transpose)[inverse[orientation]])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options: dict[str, object] = {"quality": 95} if kind in {"JPEG", "WEBP"} else {}
    upright = open_upright(encode(stored, kind, exif=exif, **options))
    assert upright.size == (64, 48)
    difference = np.abs(np.asarray(upright, dtype=int) - np.asarray(picture(), dtype=int))
    assert difference.mean() < 4


def test_damaged_exif_never_fails_a_picture() -> None:
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + bytes(range(200))
    data = encode(picture(), "JPEG", exif=exif)
    assert inspect_image(data, LIMITS).width == 64
    assert open_upright(data).size == (64, 48)


@given(st.binary(max_size=64))
def test_orientation_of_any_bytes_is_a_number_from_1_to_8(block: bytes) -> None:
    assert 1 <= read_orientation(b"Exif\x00\x00MM\x00*\x00\x00\x00\x08" + block) <= 8
    assert 1 <= read_orientation(block) <= 8


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG", (254, 0, 0)),
        (Image.new("L", (20, 20), 77), "PNG", (77, 77, 77)),
        (Image.new("1", (20, 20), 1), "PNG", (255, 255, 255)),
        (Image.new("LA", (20, 20), (200, 0)), "PNG", (127, 127, 127)),
        (Image.new("RGBA", (20, 20), (255, 0, 0, 0)), "PNG", (127, 127, 127)),
        (Image.new("RGBA", (20, 20), (255, 0, 0, 255)), "TIFF", (255, 0, 0)),
        (Image.new("I;16", (20, 20), 257 * 100), "PNG", (100, 100, 100)),
        (Image.new("I;16", (20, 20), 65535), "TIFF", (255, 255, 255)),
        (Image.new("F", (20, 20), 0.5), "TIFF", (127, 127, 127)),
        (Image.new("P", (20, 20), 3), "GIF", None),
    ],
)
def test_every_pixel_mode_becomes_8_bit_rgb(
    image: Image.Image, kind: str, expected: tuple[int, int, int] | None
) -> None:
    result = open_upright(encode(image, kind))
    assert result.mode == "RGB"
    if expected is not None:
        found = result.getpixel((10, 10))
        assert isinstance(found, tuple)
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 2


def test_a_transparent_palette_colour_shows_the_neutral_background() -> None:
    image = Image.new("P", (20, 20), 5)
    image.putpalette(bytes(range(48)))
    assert open_upright(encode(image, "PNG", transparency=5)).getpixel((3, 3)) == (127, 127, 127)


@pytest.mark.parametrize(("size", "edge", "expected"), [((800, 600), 224, (400, 300)), ((600, 1800), 224, (75, 225))])
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_still_holds_the_target(
    size: tuple[int, int], edge: int, expected: tuple[int, int]
) -> None:
    result = open_upright(encode(picture(*size), "JPEG"), target_edge=edge)
    assert result.size == expected


def test_a_picture_smaller_than_the_target_keeps_its_size() -> None:
    assert open_upright(encode(picture(), "JPEG"), target_edge=224).size == (64, 48)


def test_limits_given_to_the_decoder_are_checked_before_decoding() -> None:
    with pytest.raises(errors.ImageTooManyPixelsError):
        open_upright(huge_png(60_000, 60_000), limits=LIMITS)


def test_a_picture_wider_than_a_jpeg_can_be_is_scaled_down_to_one() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (66_000, 33)).save(buffer, "PNG")
    assert Image.open(io.BytesIO(encode_whole(buffer.getvalue()))).size == (65_500, 33)


def test_a_preview_is_small_upright_and_carries_no_metadata() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    data = encode(picture(640, 480), "JPEG", exif=exif, comment=b"where she lives", icc_profile=b"profile" * 20)
    preview = encode_preview(data, max_edge=320)
    with Image.open(io.BytesIO(preview)) as image:
        assert image.size == (240, 320)
        assert not {"exif", "icc_profile", "comment", "xmp", "photoshop"} & image.info.keys()
    for secret in (b"Exif", b"where she lives", b"profile", b"GPS"):
        assert secret not in preview


def test_decoding_leaves_pillows_global_settings_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    open_upright(encode(picture(), "JPEG"))
    after = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    assert after == before


_SEEDS = [encode(noise(24, 20), kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(_SEEDS), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6), st.data())
def test_no_foreign_exception_leaks_however_the_bytes_are_damaged(
    seed: bytes, edits: list[tuple[int, int]], data: st.DataObject
) -> None:
    damaged = bytearray(seed)
    for place, value in edits:
        damaged[place % len(damaged)] = value
    kept = data.draw(st.integers(0, len(damaged)))
    with contextlib.suppress(errors.ImageRejectedError):
        assert open_upright(bytes(damaged[:kept]), limits=LIMITS).mode == "RGB"


@pytest.mark.skipif(not ORIGINALS.is_dir(), reason="the untouched camera files are not on this machine")
def test_real_camera_files_are_read_upright() -> None:
    generous = ImageLimits(max_bytes=25_000_000, max_pixels=60_000_000, min_edge=32)
    for path in sorted(ORIGINALS.iterdir()):
        if path.suffix != ".csv":
            data = path.read_bytes()
            info = inspect_image(data, generous)
            assert open_upright(data, target_edge=224).mode == "RGB", path.name
            assert min(info.width, info.height) > 32
