"""Whose address counts, and whose word is taken for it."""

import pytest

from common.networks import parse_networks
from web.access.client_address import TrustedProxies

OURS = "10.0.0.0/8,127.0.0.1"

CASES = {
    "a stranger claims another address": ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
    "our proxy names its client": ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
    "the client forged an entry before it": ("10.0.0.2", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
    "two proxies of ours": ("127.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.9", "198.51.100.1"),
    "our proxies alone": ("127.0.0.1", "10.0.0.9", "10.0.0.9"),
    "an entry that is no address": ("10.0.0.2", "198.51.100.1, unknown", "10.0.0.2"),
    "IPv6": ("10.0.0.2", "2001:db8::1", "2001:db8::1"),
    "no header": ("10.0.0.2", "", "10.0.0.2"),
}


def seen(peer: str, forwarded: str, proto: str = "") -> tuple[str, str]:
    noted = {}

    def application(environ: dict[str, str], start_response: object) -> list[bytes]:
        noted.update(environ)
        return []

    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http"}
    environ |= {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    environ |= {"HTTP_X_FORWARDED_PROTO": proto} if proto else {}
    TrustedProxies(application, parse_networks(OURS))(environ, lambda *_: None)  # type: ignore[arg-type]
    return noted["REMOTE_ADDR"], noted["wsgi.url_scheme"]


@pytest.mark.parametrize(("peer", "forwarded", "expected"), CASES.values(), ids=CASES.keys())
def test_only_proxies_of_ours_are_believed(peer: str, forwarded: str, expected: str) -> None:
    assert seen(peer, forwarded)[0] == expected


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [("10.0.0.2", "https", "https"), ("203.0.113.7", "https", "http"), ("10.0.0.2", "gopher", "http")],
)
def test_the_scheme_is_taken_from_proxies_of_ours_alone(peer: str, proto: str, scheme: str) -> None:
    assert seen(peer, "", proto)[1] == scheme
