"""The room for images: a small file system that can be filled, or where none can be had, a limit on file sizes."""

import os
import resource
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

_SIZE = "48m"
_PIECE = bytes(64 * 1024)

# Below the size of any image of the campaign: it ends in the midst of a file, as a full disk does.
_LEAST_BYTES = 64


class Room:
    """A folder whose room ends on demand.

    Only root may mount. Others get a stand-in: the kernel refuses web's processes to make files longer than 64 bytes,
    with the error EFBIG in the place of ENOSPC.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._filler = folder / "filler"
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=700", "tmpfs", str(folder)]
        self.mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
        self._limited: list[psutil.Process] = []

    @property
    def kind(self) -> str:
        """How the room ends, for the report."""
        return "tmpfs filled" if self.mounted else "stand-in: RLIMIT_FSIZE"

    def fill(self, writers: Iterable[int]) -> None:
        """Leave no room; the stand-in leaves none to these processes."""
        if self.mounted:
            with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
                while True:
                    filler.write(_PIECE)
            with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
                while True:
                    filler.write(_PIECE[:512])
            return
        for pid in writers:
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                _, hard = process.rlimit(resource.RLIMIT_FSIZE)
                process.rlimit(resource.RLIMIT_FSIZE, (_LEAST_BYTES, hard))
                self._limited.append(process)

    def clear(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)
        for process in self._limited:
            with suppress(psutil.Error):
                _, hard = process.rlimit(resource.RLIMIT_FSIZE)
                process.rlimit(resource.RLIMIT_FSIZE, (hard, hard))
        self._limited.clear()

    def files(self) -> list[Path]:
        """Every file in it but the filler."""
        return [path for path in self._folder.rglob("*") if path.is_file() and path != self._filler]

    def close(self) -> None:
        """Unmount it."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self._folder)], check=False, capture_output=True)
