"""Where a redirect may lead: to a path of this server, whatever was asked for."""

import re
from typing import Final

# Browsers read a backslash as a slash and drop line breaks and tabs, so //host, /\host and /<tab>/host are other
# servers too. A pattern, for the parsers of addresses raise on what they do not understand.
_LOCAL_PATH: Final = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f\\]*")


def local_path(target: str, *, otherwise: str) -> str:
    """Keep a path of this server, replace everything that could lead elsewhere."""
    return target if _LOCAL_PATH.fullmatch(target) else otherwise
