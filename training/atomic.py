"""Files that are there whole or not at all, wherever the process is killed."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from common.model_store import sha256_of


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` once everything is written."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def content_digest(paths: Iterable[Path]) -> str:
    """Compute the sha256 over names and contents of files: what is kept under it holds for these very bytes."""
    digest = hashlib.sha256()
    for path in paths:
        status = path.stat()
        digest.update(
            f"{path.parent.name}/{path.name}|{_sha256((path, status.st_size, status.st_mtime_ns))}\n".encode()
        )
    return digest.hexdigest()


@lru_cache(maxsize=100_000)
def _sha256(file: tuple[Path, int, int]) -> str:
    # Each split is asked for several times; a file that is written meanwhile has another size or time.
    return sha256_of(file[0])
