"""The file `.env` beside the code, which gives the local stack its variables as Compose gives them to containers."""

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

# Where the command `dentiq` finds its server. Whoever exported it may still start one, although it is no setting.
_CLIENT_VARIABLE = "DENTIQ_URL"


def read_environment(environ: Mapping[str, str], *, folder: Path) -> dict[str, str]:
    """Merge the `.env` file of a folder with the environment, which wins; without the client's own variable."""
    from_file = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    return {name: value for name, value in {**from_file, **environ}.items() if name != _CLIENT_VARIABLE}
