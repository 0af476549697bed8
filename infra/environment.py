"""How a process on this machine comes to its settings: the environment, and in it the usual variable PORT."""

from collections.abc import Mapping

from common.errors import ConfigurationError
from common.settings import Settings


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
