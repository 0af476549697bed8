"""What schemathesis cannot read in the OpenAPI document: bytes that are an image, addresses that can be told."""

import io
import zipfile
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

from tests.fixtures.images import encode_image

# A longer request line is refused before anything else of it is looked at.
_LONGEST_TARGET = 4000

# The one field of a form that is a list.
_LIST = "images"


def _picture(number: int) -> bytes:
    """A JPEG with a zip archive of itself behind its end: good as an image and as an archive."""
    picture = encode_image(width=32 + number, height=32)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as entries:
        entries.writestr("tooth.jpg", picture)
    return picture + archive.getvalue()


_PICTURES = [_picture(number) for number in range(8)]

# Bytes of chance are no image and are refused, which the document says in words; nothing behind them would be reached.
schemathesis.openapi.format("binary", st.sampled_from(_PICTURES))
schemathesis.openapi.media_type("image/*", st.sampled_from(_PICTURES))
schemathesis.openapi.format("uri", st.sampled_from(["https://example.com/hook", "https://example.com:8443/?a=b"]))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Send no key twice: a second request of chance under it is another one, and refused as such."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and 0 < len(key) <= 255:
        case.headers["Idempotency-Key"] = key[:223] + uuid4().hex


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out what never reaches dentiq as what it is: long addresses, and arrays in a form.

    A form writes an array as so many parts: none of an empty one, and of one element what that element alone would be.
    """
    target = urlencode(case.path_parameters or {}) + urlencode(case.query or {}, doseq=True)
    fields = case.body.items() if isinstance(case.body, dict) and "form-data" in (case.media_type or "") else ()
    unsendable = any(isinstance(value, list) and len(value) < (1 if name == _LIST else 2) for name, value in fields)
    return len(target) < _LONGEST_TARGET and not unsendable
