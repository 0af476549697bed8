"""The refusal to be open to a network without keys."""

from common.api_keys import KeyFile
from common.errors import ConfigurationError
from common.settings import Settings


def refuse_open_web(settings: Settings) -> None:
    """Refuse to start where API keys are needed and there is none.

    A container listens on all of its own addresses; what counts there is where its port is published.

    Raises:
        ConfigurationError: Keys are needed and nobody has one, or their file cannot be read. The message says how to
            make one, or to do without knowingly.
    """
    if not settings.keys_required or KeyFile(settings.effective_keys_file).active():
        return
    make = "Make one by `make key NAME=clinic` (in Compose: docker compose run --rm keys make clinic)"
    if not settings.open_to_network:
        raise ConfigurationError(f"DENTIQ_REQUIRE_KEYS is set and there is no API key. {make}, then start again.")
    raise ConfigurationError(
        f"The web server would listen on {settings.published_bind or settings.web_bind}, where other machines reach "
        "it, and there is no API key: anybody there could submit photographs and read results. "
        f"{make}, or set DENTIQ_OPEN_WITHOUT_KEYS=true on a network that you trust."
    )
