"""Images of a campaign: tiny, valid, and no two alike."""

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.chaos.reference import POISON

_PIXELS = Image.linear_gradient("L").resize((32, 32))


def picture(name: str, *, poison: bool = False) -> bytes:
    """Encode a PNG that says its own name, and is poison if asked for."""
    words = PngInfo()
    words.add_text("name", name)
    if poison:
        words.add_text("note", POISON.decode())
    buffer = io.BytesIO()
    # A copy: Pillow keeps what it is to write in the picture meanwhile, and senders are threads.
    _PIXELS.copy().save(buffer, "PNG", pnginfo=words)
    return buffer.getvalue()
