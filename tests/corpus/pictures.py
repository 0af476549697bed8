"""What the corpus is made from: one sound picture of each kind that a sender may have."""

import io
import zipfile
from collections.abc import Callable
from functools import cache

from PIL import Image, ImageDraw
from pillow_heif import from_pillow

_ORIENTATIONS = range(1, 9)


def picture(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """Draw something with edges, areas and a gradient."""
    drawn = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    draw = ImageDraw.Draw(drawn)
    draw.ellipse((width // 8, height // 8, width * 5 // 8, height * 7 // 8), fill=(190, 90, 80))
    draw.rectangle((width // 2, height // 4, width - 1, height // 2), fill=(240, 235, 210), outline=(20, 20, 30))
    if mode in {"I;16", "F", "I"}:
        return (
            drawn.convert("L").convert("I" if mode == "I;16" else mode).point(lambda value: value * 256).convert(mode)
        )
    return drawn.convert(mode)


def encode(image: Image.Image, image_format: str, **options: object) -> bytes:
    """Encode a picture."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def oriented(value: int) -> bytes:
    """A JPEG with this EXIF orientation, a camera and a place."""
    exif = Image.Exif()
    exif[0x0112] = value
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    return encode(picture(), "JPEG", exif=exif)


def film(image_format: str) -> bytes:
    """Three frames or pages in one file."""
    # New ones each time: Pillow leaves settings of one encoder in a picture, which the next one trips over.
    first, *others = (picture(64, 48).rotate(angle) for angle in (0, 90, 180))
    return encode(first, image_format, save_all=True, append_images=others)


def heic() -> bytes:
    """A HEIC picture, as iPhones take them."""
    buffer = io.BytesIO()
    from_pillow(picture()).save(buffer, quality=60)
    return buffer.getvalue()


def zipped() -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.jpg", b"x")
    return buffer.getvalue()


@cache
def sound() -> dict[str, bytes]:
    """Make one picture of each kind, by its name; the extension is the usual one."""
    makers: dict[str, Callable[[], bytes]] = {
        "baseline.jpg": lambda: encode(picture(), "JPEG", quality=85),
        "progressive.jpg": lambda: encode(picture(), "JPEG", progressive=True),
        "grey.jpg": lambda: encode(picture(mode="L"), "JPEG"),
        "cmyk-without-profile.jpg": lambda: encode(picture(mode="CMYK"), "JPEG"),
        "subsampled.jpg": lambda: encode(picture(), "JPEG", subsampling=2, restart_marker_blocks=2),
        "broken-profile.jpg": lambda: encode(picture(), "JPEG", icc_profile=bytes(range(256)) * 3),
        "comment.jpg": lambda: encode(picture(), "JPEG", comment=b"<script>alert(1)</script>" * 100),
        "two-pictures.mpo": lambda: film("MPO"),
        "true-colour.png": lambda: encode(picture(), "PNG"),
        "palette.png": lambda: encode(picture(mode="P"), "PNG", transparency=3),
        "transparent.png": lambda: encode(picture(mode="RGBA"), "PNG"),
        "16-bit.png": lambda: encode(picture(mode="I;16"), "PNG"),
        "one-bit.png": lambda: encode(picture(mode="1"), "PNG"),
        "animated.png": lambda: film("PNG"),
        "still.gif": lambda: encode(picture(mode="P"), "GIF"),
        "animated.gif": lambda: film("GIF"),
        "lossy.webp": lambda: encode(picture(), "WEBP"),
        "lossless.webp": lambda: encode(picture(mode="RGBA"), "WEBP", lossless=True),
        "animated.webp": lambda: film("WEBP"),
        "true-colour.bmp": lambda: encode(picture(64, 48), "BMP"),
        "palette.bmp": lambda: encode(picture(64, 48, "P"), "BMP"),
        "raw.tif": lambda: encode(picture(48, 40), "TIFF"),
        "lzw.tif": lambda: encode(picture(), "TIFF", compression="tiff_lzw"),
        "deflate.tif": lambda: encode(picture(), "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": lambda: encode(picture(), "TIFF", compression="jpeg"),
        "fax.tif": lambda: encode(picture(mode="1"), "TIFF", compression="group4"),
        "pages.tif": lambda: film("TIFF"),
        "float.tif": lambda: encode(picture(48, 40, "F"), "TIFF"),
        "16-bit.tif": lambda: encode(picture(48, 40, "I;16"), "TIFF"),
        "photo.heic": heic,
        "thin.jpg": lambda: encode(picture(2000, 32), "JPEG"),
        "tall.png": lambda: encode(picture(32, 2000), "PNG"),
    }
    made = {name: make() for name, make in makers.items()}
    return made | {f"orientation-{value}.jpg": oriented(value) for value in _ORIENTATIONS}
