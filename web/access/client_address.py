"""Whose address a request comes from: the sender's own, or what a proxy that is trusted says of it."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from common.networks import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class TrustedProxies:
    """Put the sender's address and scheme into the environment of a request that came through trusted proxies.

    Werkzeug's ProxyFix counts hops and believes whoever sends the headers; this looks at who it is.

    Args:
        application: What is wrapped.
        networks: Of the proxies.
    """

    def __init__(self, application: "WSGIApplication", networks: Sequence[Network]) -> None:
        self._application = application
        self._networks = networks

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Handle one request."""
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            self._believe(environ)
        return self._application(environ, start_response)

    def _believe(self, environ: "WSGIEnvironment") -> None:
        # Each proxy appends whom it heard from: the first from the right that is no proxy of ours is the sender.
        hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        for hop in reversed(hops):
            if not _is_address(hop):
                break
            environ["REMOTE_ADDR"] = hop
            if not self._trusts(hop):
                break
        if environ.get("HTTP_X_FORWARDED_PROTO", "") in {"http", "https"}:
            environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"]

    def _trusts(self, address: str) -> bool:
        if not _is_address(address):
            return False
        found = ip_address(address)
        return any(found in network for network in self._networks)


def subscriber(address: str) -> str:
    """Name who is counted under an address: of IPv6 a subscriber has a whole /64 to choose from."""
    if not _is_address(address):
        return "unknown"
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return found.exploded[:19]
    return str(found)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
