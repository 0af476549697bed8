"""What a Redis URL may say, and its translation for those who connect: our own client, and Celery's broker.

    redis://[user:password@]host:6379/0
    rediss://...                                                the same over TLS
    sentinel://[user:password@]host1:26379,host2:26379/0?master=NAME
    sentinels://...                                             Redis and sentinels over TLS

What stands behind the ? is one of these, and nothing else:

    master, sentinel_password                                   of sentinels
    ssl_ca_certs, ssl_certfile, ssl_keyfile                     files, with TLS
    ssl_cert_reqs=required|none, ssl_check_hostname=true|false  whether the other side is checked, with TLS

Passwords and certificates that have settings of their own are added to the URL by `complete`, so that one string says
all and nobody passes seven values around. Such a string is a secret.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

_SCHEMES: Final = ("redis", "rediss", "sentinel", "sentinels")
_WITH_TLS: Final = frozenset({"rediss", "sentinels"})
_WITH_SENTINELS: Final = frozenset({"sentinel", "sentinels"})
_PORTS: Final = {"redis": 6379, "rediss": 6379, "sentinel": 26379, "sentinels": 26379}
_HOST: Final = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:@/,]+))(?::(?P<port>[0-9]+))?")
# A sentinel answers at once or is away, and the next one is asked.
_SENTINEL_SECONDS: Final = 1.0
_SENTINEL_PASSWORD: Final = "sentinel_password"  # noqa: S105  the name of a parameter
_OF_SENTINELS: Final = ("master", _SENTINEL_PASSWORD)
_FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
# What redis-py takes for what a URL may say. Any text would count as true there.
_CHOICES: Final[Mapping[str, Mapping[str, str | bool]]] = {
    "ssl_cert_reqs": {"required": "required", "none": "none"},
    "ssl_check_hostname": {"true": True, "false": False},
}


class TlsFiles(NamedTuple):
    """Files for connections with TLS, in the order of `_FILES`.

    Attributes:
        ca: Who signs the certificates of Redis and sentinels.
        certificate: What is shown to them.
        key: The key of that.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class RedisAddress:
    """A Redis URL, read.

    Attributes:
        hosts: Host and port; of the sentinels, where there are any.
        master: What the sentinels call the Redis; empty without sentinels.
        tls: Arguments of redis-py for a connection with TLS; None without.
        sentinel_password: Of the sentinels themselves.
    """

    hosts: tuple[tuple[str, int], ...]
    database: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    master: str = ""
    sentinel_password: str | None = field(default=None, repr=False)
    tls: Mapping[str, str | bool] | None = None


def read_redis_url(url: str) -> RedisAddress:
    """Read a URL.

    Raises:
        ValueError: It is no such URL; the message says what is expected, and nothing of its password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"it must begin with {'://, '.join(_SCHEMES[:-1])}:// or {_SCHEMES[-1]}://")
    if not re.fullmatch(r"/?|/[0-9]+", parts.path):
        raise ValueError("its path must be the number of a database, as in redis://host:6379/0")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    has_sentinels = parts.scheme in _WITH_SENTINELS
    if has_sentinels != bool(options.get("master")):
        raise ValueError(
            "sentinels are named with the Redis that they watch, and nothing else is: "
            "sentinel://host1:26379,host2:26379/0?master=NAME"
        )
    _require_known(options, parts)
    return RedisAddress(
        hosts=_read_hosts(hosts, has_sentinels=has_sentinels, port=_PORTS[parts.scheme]),
        database=int(parts.path.strip("/") or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
        master=options.get("master", ""),
        sentinel_password=options.get(_SENTINEL_PASSWORD) or None,
        tls=_read_tls(options) if parts.scheme in _WITH_TLS else None,
    )


def _require_known(options: Mapping[str, str], parts: SplitResult) -> None:
    known: tuple[str, ...] = _OF_SENTINELS if parts.scheme in _WITH_SENTINELS else ()
    known += (*_FILES, *_CHOICES) if parts.scheme in _WITH_TLS else ()
    unknown = [name for name in options if name not in known]
    if unknown or parts.fragment:
        # Of a password whose ? or # is not quoted the rest stands there: it is not repeated.
        named = "something" if "@" in parts.query + parts.fragment else " and ".join(unknown) or "a #"
        raise ValueError(
            f"behind its path stands {named}, and {parts.scheme}:// takes {', '.join(known) or 'nothing'} there "
            "(in a password ? reads %3F, and # reads %23)"
        )


def _read_tls(options: Mapping[str, str]) -> dict[str, str | bool]:
    tls: dict[str, str | bool] = {name: options[name] for name in _FILES if name in options}
    for name, meanings in _CHOICES.items():
        if name in options:
            if options[name] not in meanings:
                raise ValueError(f"its {name} must be {' or '.join(meanings)}, not {options[name]!r}")
            tls[name] = meanings[options[name]]
    return tls


def _read_hosts(text: str, *, has_sentinels: bool, port: int) -> tuple[tuple[str, int], ...]:
    hosts = []
    for part in text.split(",") if has_sentinels else [text]:
        found = _HOST.fullmatch(part)
        if not found:
            raise ValueError("it must name a host, as in redis://host:6379/0; several, with commas, only of sentinels")
        hosts.append((found["v6"] or unquote(found["name"]), int(found["port"] or port)))
    return tuple(hosts)


def complete(url: str, *, password: str = "", sentinel_password: str = "", tls: TlsFiles) -> str:
    """Add to a URL what it does not say itself.

    Args:
        password: Of Redis.
        sentinel_password: Of the sentinels.
        tls: Files for a URL with TLS.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, own_password = credentials.partition(":")
    if password and not own_password:
        parts = parts._replace(netloc=f"{username}:{quote(password, safe='')}@{hosts}")
    if sentinel_password and parts.scheme in _WITH_SENTINELS:
        query.setdefault(_SENTINEL_PASSWORD, sentinel_password)
    if parts.scheme in _WITH_TLS:
        files = zip(_FILES, tls, strict=True)
        query = {name: str(file) for name, file in files if file is not None} | query
    return urlunsplit(parts._replace(query=urlencode(query)))


def require_use(name: str, *urls: str) -> None:
    """Refuse a password of sentinels, or a file of TLS, that no connection would ask for.

    Args:
        name: Of the setting.
        urls: Of every Redis; empty for one that has none.

    Raises:
        ValueError: None of them has sentinels, or TLS.
    """
    schemes = _WITH_SENTINELS if name == _SENTINEL_PASSWORD else _WITH_TLS
    if any(urls) and not any(urlsplit(url).scheme in schemes for url in urls):
        fitting = [f"{scheme}://" for scheme in _SCHEMES if scheme in schemes]
        raise ValueError(f"it is of use with {' or '.join(fitting)} alone, and no URL of a Redis begins so")


def next_database(url: str) -> str:
    """Name the database after a URL's, on the same Redis."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{int(parts.path.strip('/') or 0) + 1}"))


def celery_broker(url: str) -> dict[str, Any]:
    """Say the same to Celery: its settings `broker_url`, `broker_use_ssl` and what joins `broker_transport_options`."""
    address = read_redis_url(url)
    tls = None if address.tls is None else {"ssl_cert_reqs": "required", **address.tls}
    if not address.master:
        scheme = "redis" if tls is None else "rediss"
        return {
            "broker_url": _plain_url(scheme, address, *address.hosts[0]),
            "broker_use_ssl": tls,
            "broker_transport_options": {},
        }
    return {
        "broker_url": ";".join(_plain_url("sentinel", address, *host) for host in address.hosts),
        "broker_use_ssl": tls,
        "broker_transport_options": {"master_name": address.master, "sentinel_kwargs": sentinel_arguments(address)},
    }


def sentinel_arguments(address: RedisAddress) -> dict[str, Any]:
    """Give redis-py's arguments for a connection to one of the sentinels."""
    arguments: dict[str, Any] = {
        "password": address.sentinel_password,
        "socket_timeout": _SENTINEL_SECONDS,
        "socket_connect_timeout": _SENTINEL_SECONDS,
        # redis-py would try each one that is away four times, seconds apart, before it asks the next.
        "retry": None,
    }
    return arguments if address.tls is None else arguments | {"ssl": True, **address.tls}


def _plain_url(scheme: str, address: RedisAddress, host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    credentials = ""
    if address.password:
        credentials = f"{quote(address.username or '', safe='')}:{quote(address.password, safe='')}@"
    return f"{scheme}://{credentials}{name}:{port}/{address.database}"
