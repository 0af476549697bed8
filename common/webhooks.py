"""What webhooks may be: the form of their secrets and addresses, and the networks that they do not enter."""

import base64
import ipaddress
from typing import Final
from urllib.parse import urlsplit

from common.errors import WebhookUrlError

LONGEST_URL: Final = 1024

# What of IPv6 is given out for the internet (RFC 4291), and what of that is for books (RFC 9637). The rest has had uses
# that not every Python knows as private, some of which lead into our own network.
_UNICAST: Final = ipaddress.ip_network("2000::/3")
_DOCUMENTATION: Final = (ipaddress.ip_network("2001:db8::/32"), ipaddress.ip_network("3fff::/20"))

# Addresses of IPv6 that carry one of IPv4, beside the kinds that `ipaddress` knows: NAT64 (RFC 6052).
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

# Form and length of a symmetric secret (Standard Webhooks 1.0).
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105  it begins every secret
_SECRET_BYTES: Final = range(24, 65)

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_webhook_url(url: str, *, allow_private: bool) -> str:
    """Refuse an address that no webhook can go to; names are looked up only when one is sent.

    Args:
        url: As it was given.
        allow_private: Whether plain HTTP and private addresses are allowed.

    Returns:
        The address as it was given.

    Raises:
        WebhookUrlError: It is none, or not allowed.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise WebhookUrlError(f"The webhook address cannot be read: {error}.") from error
    schemes = ("https", "http") if allow_private else ("https",)
    faults = {
        f"has more than {LONGEST_URL} characters": len(url) > LONGEST_URL,
        "has characters that an address must quote": not (url.isascii() and url.isprintable()) or " " in url,
        f"does not begin with {' or '.join(f'{scheme}://' for scheme in schemes)}": parts.scheme not in schemes,
        "names no host": not host,
        "has port 0": port == 0,
        "carries a user or a password": "@" in parts.netloc,
        "has a fragment": "#" in url,
        "is a private address": not allow_private and host is not None and _is_private_literal(host),
    }
    for fault, found in faults.items():
        if found:
            raise WebhookUrlError(f"The webhook address {fault}; send one like https://example.com/dentiq.")
    return url


def require_webhook_secret(secret: str) -> None:
    """Refuse what is no secret for webhooks.

    Raises:
        ValueError: It has not the form that receivers expect.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_SECRET_PREFIX) or len(key) not in _SECRET_BYTES:
        raise ValueError(f"it must be {_SECRET_PREFIX} and 24 to 64 bytes in base64; several are separated by spaces")


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the public internet, whatever form it hides in."""
    address = ipaddress.ip_address(text.partition("%")[0])
    embedded = _embedded(address)
    return _is_given_out(address) and all(one.is_global and not one.is_multicast for one in (address, *embedded))


def _is_given_out(address: _Address) -> bool:
    """Whether an address is of a kind that hosts of the internet have; of IPv4, all that is global is."""
    if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped is not None or address in _NAT64:
        return True
    return address in _UNICAST and not any(address in network for network in _DOCUMENTATION)


def _embedded(address: _Address) -> list[_Address]:
    """Give the IPv4 addresses that an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return list(address.teredo or ())


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        # A name; only what it leads to at the time of sending counts.
        return host == "localhost" or host.endswith(".localhost")
