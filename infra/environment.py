"""How a process on this machine comes to its settings: a `.env` file, the environment, and the usual variable PORT."""

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from common.errors import ConfigurationError
from common.settings import Settings

# Where the command `dentiq` finds its server. Whoever exported it may still start one, although it is no setting.
_CLIENT_VARIABLE = "DENTIQ_URL"


def read_environment(environ: Mapping[str, str], *, folder: Path) -> dict[str, str]:
    """Merge the `.env` file of a folder with the environment, which wins; without the client's own variable."""
    from_file = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    return {name: value for name, value in {**from_file, **environ}.items() if name != _CLIENT_VARIABLE}


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Read the settings; PORT, which hosting platforms set, beats DENTIQ_PORT.

    Raises:
        ConfigurationError: A variable is unknown or has a value that is not allowed.
    """
    port = environ.get("PORT", "")
    if not port:
        return Settings.from_env(environ)
    if not port.isdecimal():
        raise ConfigurationError(f"PORT is {port!r}: a number from 1 to 65535 is allowed.")
    return Settings.from_env({**environ, "DENTIQ_PORT": port})
