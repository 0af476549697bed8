"""The name under which a file is sent: one that the server keeps as it is, and no other file of the folder has."""

import hashlib
import os
from pathlib import PurePosixPath
from typing import Final

from client.filenames import readable

# The server keeps 255 characters; the mark of a changed name must fit as well.
_LONGEST: Final = 200

# Multipart headers escape these in ways that differ between programs.
_ESCAPED: Final = str.maketrans({'"': "_", "\\": "_", "%": "_"})


def sent_name(file: str) -> str:
    """Choose the name; one that had to be changed carries a mark made from its bytes, so that it stays alone."""
    text = readable(file).translate(_ESCAPED)
    clean = "".join(character for character in text if character.isprintable()).strip()
    if clean == file and len(clean) <= _LONGEST:
        return clean
    mark = hashlib.sha256(os.fsencode(file)).hexdigest()[:10]
    name = PurePosixPath(clean)
    suffix = name.suffix if len(name.suffix) <= 10 else ""
    return f"{clean.removesuffix(suffix)[-_LONGEST:].lstrip()}~{mark}{suffix}"
