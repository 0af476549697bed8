"""Which processes of web answer, for each says so once it has loaded the application; and which have no successor."""

import shutil
from contextlib import suppress
from pathlib import Path


def note_ready(data_dir: Path, pid: int) -> None:
    """Say that a process answers from now on; a folder that cannot be written must not keep it from that."""
    with suppress(OSError):
        folder = _folder(data_dir)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(pid)).touch()


def ready(data_dir: Path) -> set[int]:
    """List the processes that have said so and may have ended since."""
    with suppress(OSError):
        return {int(path.name) for path in _folder(data_dir).iterdir()}
    return set()


def forget(data_dir: Path) -> None:
    """Forget all, those of an earlier life among them."""
    for pid in ready(data_dir):
        forget_one(data_dir, pid)
    shutil.rmtree(_last(data_dir), ignore_errors=True)


def forget_one(data_dir: Path, pid: int) -> None:
    """Forget a process that ends."""
    with suppress(OSError):
        (_folder(data_dir) / str(pid)).unlink(missing_ok=True)


def expect_no_other(data_dir: Path, pid: int) -> None:
    """Say that no process takes the place of this one when it ends.

    Raises:
        OSError: The folder cannot be written.
    """
    _last(data_dir).mkdir(parents=True, exist_ok=True)
    (_last(data_dir) / str(pid)).touch()


def has_no_successor(data_dir: Path, pid: int) -> bool:
    """Whether that was said of a process that has ended; asked once."""
    with suppress(OSError):
        (_last(data_dir) / str(pid)).unlink()
        return True
    return False


def _last(data_dir: Path) -> Path:
    return data_dir / "run" / "web-last"


def _folder(data_dir: Path) -> Path:
    return data_dir / "run" / "web"
