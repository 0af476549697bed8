"""The file `.env` beside the code, which gives the local stack its variables as Compose gives them to containers."""

from collections.abc import Mapping
from pathlib import Path

# Where the command `dentiq` finds its server and its key. Whoever exported them may still start one, although they are
# no settings.
_CLIENT_VARIABLES = frozenset({"DENTIQ_URL", "DENTIQ_API_KEY"})


def read_environment(environ: Mapping[str, str], *, folder: Path) -> dict[str, str]:
    """Merge the `.env` file of a folder with the environment, which wins; without the client's own variables."""
    path = folder / ".env"
    from_file: dict[str, str] = {}
    if path.exists():
        # Images hold neither the file nor the library, and keys are made there too.
        from dotenv import dotenv_values  # noqa: PLC0415

        from_file = {name: value for name, value in dotenv_values(path).items() if value is not None}
    return {name: value for name, value in {**from_file, **environ}.items() if name not in _CLIENT_VARIABLES}
