"""Which processes of web answer: each says so once it has loaded the application."""

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


def forget_one(data_dir: Path, pid: int) -> None:
    """Forget a process that ends."""
    with suppress(OSError):
        (_folder(data_dir) / str(pid)).unlink(missing_ok=True)


def _folder(data_dir: Path) -> Path:
    return data_dir / "run" / "web"
