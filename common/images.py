"""What dentiq knows about image files by their bytes: inspection, upright decoding and previews, with Pillow.

Pillow's plugin classes are opened directly, not through `Image.open`: the format is already known from the first bytes,
no other parser sees hostile bytes, and Pillow's process-wide pixel limit (a warning, then an error) stays untouched
because the caller's own limit is checked before anything is decoded.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from common.errors import (
    ImageCorruptError,
    ImageEmptyError,
    ImageFormatError,
    ImageRejectedError,
    ImageTooLargeError,
    ImageTooManyPixelsError,
    ImageTooSmallError,
    ImageTruncatedError,
)
from common.heif import is_avif, is_heic, open_heic
from common.image_effort import require_bounded_effort
from common.orientation import upright_transpose

# Mid-grey behind transparent pixels and, in the network's letterbox, around the picture: it favours no label.
NEUTRAL_COLOUR = (127, 127, 127)

_PREVIEW_QUALITY = 85

# Pillow's advice for the highest quality: above it files grow and pictures do not.
_WHOLE_QUALITY = 95

# The longest edge that libjpeg writes.
_LONGEST_JPEG_EDGE = 65_500

_SUPPORTED = "JPEG, PNG, WebP, HEIC, BMP, TIFF or GIF"

# Phrases by which Pillow 12 and 13 say that the bytes ended early.
_TRUNCATION_WORDS = ("truncated", "not enough", "unexpected end", "premature", "unpack", "buffer", "incomplete", "eof")


@dataclass(frozen=True)
class ImageLimits:
    """Bound what is accepted.

    Attributes:
        max_bytes: Largest accepted file, in bytes.
        max_pixels: Largest accepted width x height.
        min_edge: Smallest accepted edge, in pixels.
    """

    max_bytes: int
    max_pixels: int
    min_edge: int


@dataclass(frozen=True)
class ImageInfo:
    """Describe an image by its header.

    Attributes:
        format: Pillow's name: JPEG, PNG, WEBP, HEIF, BMP, TIFF or GIF.
        content_type: Media type.
        width: Stored width in pixels, before any EXIF rotation.
        height: Stored height in pixels, before any EXIF rotation.
    """

    format: str
    content_type: str
    width: int
    height: int


class _JpegWithoutExif(JpegImagePlugin.JpegImageFile):
    """Open a JPEG without parsing its EXIF block for a resolution that nobody reads: damaged blocks raise warnings."""

    def _read_dpi_from_exif(self) -> None:
        self.info["dpi"] = 72, 72


@dataclass(frozen=True)
class _Format:
    name: str
    content_type: str
    open: Callable[[io.BytesIO], ImageFile]


_JPEG = _Format("JPEG", "image/jpeg", _JpegWithoutExif)
_PNG = _Format("PNG", "image/png", PngImagePlugin.PngImageFile)
_GIF = _Format("GIF", "image/gif", GifImagePlugin.GifImageFile)
_WEBP = _Format("WEBP", "image/webp", WebPImagePlugin.WebPImageFile)
_BMP = _Format("BMP", "image/bmp", BmpImagePlugin.BmpImageFile)
_TIFF = _Format("TIFF", "image/tiff", TiffImagePlugin.TiffImageFile)
_HEIC = _Format("HEIF", "image/heic", open_heic)

_FORMAT_BY_PREFIX: dict[bytes, _Format] = {
    b"\xff\xd8\xff": _JPEG,
    b"\x89PNG\r\n\x1a\n": _PNG,
    b"GIF87a": _GIF,
    b"GIF89a": _GIF,
    b"BM": _BMP,
    b"II*\x00": _TIFF,
    b"MM\x00*": _TIFF,
    b"II+\x00": _TIFF,
    b"MM\x00+": _TIFF,
}


def inspect_image(data: bytes, limits: ImageLimits) -> ImageInfo:
    """Check an image by its first bytes and its header, without decoding a pixel.

    Args:
        data: The whole file.
        limits: What is accepted.

    Returns:
        The format and size that the bytes declare.

    Raises:
        ImageRejectedError: One of its subclasses, by what is wrong.
    """
    image, kind = _open_header(data, limits)
    return ImageInfo(kind.name, kind.content_type, image.width, image.height)


def open_upright(data: bytes, *, target_edge: int | None = None, limits: ImageLimits | None = None) -> Image.Image:
    """Decode the first frame, turned as its EXIF orientation says.

    Args:
        data: The whole file.
        target_edge: The longer edge that the caller will scale to. A JPEG is then decoded at the smallest DCT scale
            (1, 1/2, 1/4, 1/8) whose longer edge is still at least this: the caller only ever shrinks, by less than
            two, as long as the stored picture was large enough. None decodes every pixel.
        limits: Checked first if given.

    Returns:
        The picture as 8-bit RGB without metadata. Transparent pixels lie on `NEUTRAL_COLOUR`, 16-bit greys are scaled.

    Raises:
        ImageRejectedError: One of its subclasses, by what is wrong.
    """
    image, kind = _open_header(data, limits)
    if target_edge is not None:
        _draft(image, target_edge)
    try:
        image.load()
        picture = upright_transpose(_to_rgb(image), image.info.get("exif"))
    except MemoryError:
        raise  # says nothing about the image
    except Exception as error:  # decoders of hostile bytes raise whatever broke first
        raise _damage(error, data, kind.name) from error
    picture.info = {}
    return picture


def encode_preview(data: bytes, *, max_edge: int) -> bytes:
    """Re-encode an image as an upright JPEG without EXIF, GPS, colour profile or comments.

    Args:
        data: The whole file.
        max_edge: Longest edge of the preview in pixels; a smaller picture keeps its size.

    Raises:
        ImageRejectedError: One of its subclasses, if the picture cannot be decoded.
    """
    picture = open_upright(data, target_edge=max_edge)
    picture.thumbnail((max_edge, max_edge), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_PREVIEW_QUALITY)
    return buffer.getvalue()


def encode_whole(data: bytes) -> bytes:
    """Re-encode an image in full size as an upright JPEG without metadata, nearly as sharp as it came.

    An edge that is longer than a JPEG can have is scaled down to that.

    Raises:
        ImageRejectedError: One of its subclasses, if the picture cannot be decoded.
    """
    picture = open_upright(data)
    picture.thumbnail((_LONGEST_JPEG_EDGE, _LONGEST_JPEG_EDGE), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_WHOLE_QUALITY, subsampling=0)
    return buffer.getvalue()


def _open_header(data: bytes, limits: ImageLimits | None) -> tuple[ImageFile, _Format]:
    if not data:
        raise ImageEmptyError("The image has 0 bytes. Send the content of an image file.")
    if limits is not None and len(data) > limits.max_bytes:
        raise ImageTooLargeError(
            # Its own size is not known where reading stopped at the limit.
            f"The image file has more than {_megabytes(limits.max_bytes)}, the most that is accepted. "
            "Send a smaller or more strongly compressed copy."
        )
    kind = _sniff(data)
    try:
        image = kind.open(io.BytesIO(data))
    except Exception as error:  # parsers of hostile bytes raise whatever broke first
        raise _damage(error, data, kind.name) from error
    if limits is not None:
        _check_size(image, limits)
    require_bounded_effort(image, data)
    return image, kind


def _sniff(data: bytes) -> _Format:
    for prefix, kind in _FORMAT_BY_PREFIX.items():
        if data.startswith(prefix):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _WEBP
    if is_heic(data):
        return _HEIC
    if is_avif(data):
        raise ImageFormatError("The file is an AVIF picture, which cannot be read yet. Send it as JPEG.")
    raise ImageFormatError(
        f"The {len(data)} bytes sent do not begin like an image file that is accepted. "
        f"Send a photograph as {_SUPPORTED}; renaming a file does not change its format."
    )


def _check_size(image: Image.Image, limits: ImageLimits) -> None:
    width, height = image.size
    if width * height > limits.max_pixels:
        raise ImageTooManyPixelsError(
            f"The image has {width} x {height} pixels; at most {limits.max_pixels / 1e6:g} million are accepted. "
            "Send a scaled-down copy."
        )
    if min(width, height) < limits.min_edge:
        raise ImageTooSmallError(
            f"The image has {width} x {height} pixels; each edge must have at least {limits.min_edge}. "
            "Send the photograph in a larger size."
        )


def _draft(image: ImageFile, target_edge: int) -> None:
    # Others draft from a small copy in the file, which need not show the same picture.
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return
    # Pillow keeps both edges of the draft at least as long as asked, so ask for the picture's own proportions.
    longer = max(image.size)
    if longer > target_edge:
        width, height = (max(1, edge * target_edge // longer) for edge in image.size)
        image.draft("RGB", (width, height))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_grey(image).convert("RGB")
    if image.has_transparency_data:
        # A copy of 50 million pixels takes 200 MB.
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        background = Image.new("RGB", layer.size, NEUTRAL_COLOUR)
        background.paste(layer, mask=layer.getchannel("A"))
        return background
    return image.convert("RGB")


def _scaled_grey(image: Image.Image) -> Image.Image:
    # A plain convert("L") clips every value above 255 to white.
    factor = 255.0 / _white_level(image)
    return image.convert("F").point(lambda value: value * factor + 0.0).convert("L")


def _white_level(image: Image.Image) -> float:
    # 16-bit formats define their range; wider integers and floats declare none, so the usual ranges are tried in turn.
    if image.mode.startswith("I;16"):
        return 65535.0
    bounds = image.getextrema()
    brightest = float(bounds[1]) if isinstance(bounds[1], (int, float)) else 1.0
    return next((level for level in (1.0, 255.0, 65535.0) if brightest <= level), brightest)


def _damage(error: Exception, data: bytes, name: str) -> ImageRejectedError:
    if isinstance(error, ImageRejectedError):
        return error
    text = str(error).lower()
    if isinstance(error, (EOFError, struct.error)) or any(word in text for word in _TRUNCATION_WORDS):
        return ImageTruncatedError(
            f"The {name} file ends before its picture does ({len(data)} bytes arrived). "
            "Copy or export the file again and send it whole."
        )
    return ImageCorruptError(
        f"The {name} file is damaged and its picture cannot be read. "
        "Open it in an image viewer, export it again and send the copy."
    )


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
