"""Secrets that nobody chose: made at the first start, kept in a file, never the same on two machines.

    python -m infra.secret_file FILE...

makes those that are missing, for containers.
"""

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

_BYTES = 18

# For containers: their users differ, and a volume is mounted only where its secret is needed.
_SHARED_MODE = 0o644


def read_or_make_secret(path: Path, *, mode: int = 0o600) -> str:
    """Read a secret; make it first where there is none. Two that start at once agree on one.

    Args:
        path: Its file.
        mode: Who may read a new file.
    """
    with suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8").strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(secrets.token_urlsafe(_BYTES) + "\n", encoding="utf-8")
    scratch.chmod(mode)
    # Unlike a rename, a link never replaces the secret of another who was quicker.
    with suppress(FileExistsError):
        os.link(scratch, path)
    scratch.unlink()
    return path.read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        read_or_make_secret(Path(name), mode=_SHARED_MODE)
