"""What remains of a file name whose bytes are no text: such names are legal on disk, and neither sent nor printed."""

import re
from pathlib import Path
from typing import Final

# Python stands in for each byte that it cannot decode with half of a surrogate pair, which no encoder takes.
_UNDECODED: Final = re.compile("[\ud800-\udfff]")


def readable(name: str | Path) -> str:
    """Put a replacement character for each byte of a name that is no text."""
    return _UNDECODED.sub("\N{REPLACEMENT CHARACTER}", str(name))
