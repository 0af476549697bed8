"""Making names last: a flushed file may be without its name after a loss of power until its folder is flushed too."""

import os
from pathlib import Path


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
