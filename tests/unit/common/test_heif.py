"""HEIC pictures, as iPhones take them: known by their bytes, bounded before decoding, upright, without metadata."""

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from common import errors
from common.images import ImageLimits, encode_preview, inspect_image, open_upright

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=4_000_000, min_edge=8)
# For the encoder; dentiq itself never lets Pillow choose a decoder.
pillow_heif.register_heif_opener()

RED, BLUE = (200, 30, 30), (30, 30, 200)


def picture(width: int = 128, height: int = 96) -> Image.Image:
    """Red above blue, so that a turn shows."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    return image


def heic(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "HEIF", quality=90, **options)
    return buffer.getvalue()


def near(pixel: object, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.subtract(pixel, colour)).max() < 12)


def test_a_heic_picture_is_recognised_by_its_bytes_and_decoded() -> None:
    data = heic(picture())
    info = inspect_image(data, LIMITS)
    assert (info.format, info.content_type, info.width, info.height) == ("HEIF", "image/heic", 128, 96)
    opened = open_upright(data, limits=LIMITS)
    assert (opened.mode, opened.size, opened.info) == ("RGB", (128, 96), {})
    assert near(opened.getpixel((64, 10)), RED)
    assert near(opened.getpixel((64, 90)), BLUE)


def test_a_turned_heic_picture_comes_upright_once() -> None:
    image = picture()
    exif = Image.Exif()
    exif[0x0112] = 6
    # The encoder writes the turn into the container, as a phone does, and keeps the EXIF block.
    opened = open_upright(heic(image, exif=exif.tobytes()))
    assert opened.size == (96, 128)
    assert near(opened.getpixel((90, 64)), RED)
    assert near(opened.getpixel((6, 64)), BLUE)


def test_a_preview_of_a_heic_picture_is_a_jpeg_without_its_place() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a phone"
    exif.get_ifd(0x8825)[1] = "N"
    data = heic(picture(640, 480), exif=exif.tobytes())
    assert b"a phone" in data
    preview = Image.open(io.BytesIO(encode_preview(data, max_edge=256)))
    assert (preview.format, preview.size, dict(preview.getexif())) == ("JPEG", (256, 192), {})


def test_a_small_copy_inside_the_file_is_never_taken_for_the_picture() -> None:
    opened = open_upright(heic(picture(640, 480), thumbnails=[320]), target_edge=224)
    assert opened.size == (640, 480)


def test_a_heic_picture_with_too_many_pixels_is_refused_by_its_header() -> None:
    with pytest.raises(errors.ImageTooManyPixelsError):
        inspect_image(heic(picture(256, 128)), ImageLimits(max_bytes=1_000_000, max_pixels=10_000, min_edge=8))


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_heic_file_that_ends_early_is_refused(kept: float) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (150, 200, 3), dtype=np.uint8))
    whole = heic(image)
    with pytest.raises(errors.ImageRejectedError):
        open_upright(whole[: int(len(whole) * kept)])


def test_damage_anywhere_in_a_heic_file_is_a_refusal_or_a_picture() -> None:
    whole = heic(picture())
    rng = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(8, len(whole), 4):
            damaged[place] = rng.integers(0, 256)
        try:
            open_upright(bytes(damaged), limits=LIMITS)
        except errors.ImageRejectedError:
            continue


def test_an_ftyp_box_that_lies_about_its_length_is_refused() -> None:
    for length in (0, 1, 7, 0xFFFFFFFF):
        with pytest.raises(errors.ImageRejectedError):
            inspect_image(struct.pack(">I", length) + b"ftypheic" + bytes(40), LIMITS)
