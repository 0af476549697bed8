"""Who can reach the web server, and the refusal to be open to a network without keys."""

from ipaddress import ip_address

from common.errors import ConfigurationError
from common.settings import Settings


def refuse_open_web(settings: Settings) -> None:
    """Refuse to let other machines submit and read photographs without a key.

    A container listens on all of its own addresses; what counts there is where its port is published.

    Raises:
        ConfigurationError: Other machines could reach the web server. The message says how to allow it knowingly.
    """
    address = settings.published_bind or settings.web_bind
    if settings.open_without_keys or _is_loopback(address):
        return
    raise ConfigurationError(
        f"The web server would listen on {address}, where other machines reach it, and dentiq has no API keys yet: "
        "anybody there could submit photographs and read results. Leave WEB_BIND (DENTIQ_WEB_BIND) at 127.0.0.1 and "
        "put a proxy that asks for a login before it, or set DENTIQ_OPEN_WITHOUT_KEYS=true on a network that you trust."
    )


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
