"""Connections to webhook receivers: only to addresses that are allowed, looked up once, and over after a set time."""

import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from common.errors import WebhookAddressError, WebhookTimeoutError
from common.webhooks import is_public


class GuardedNetwork(httpcore.NetworkBackend):
    """Connect for one request, within a deadline.

    The name is looked up here and the connection goes to the address that was checked: a name that leads elsewhere at
    the next look (DNS rebinding) gains nothing. The certificate is checked against the name all the same.

    Args:
        allow_private: Whether addresses outside the public internet are allowed.
        seconds: Time for the whole request, from now: a receiver that sends a byte now and then must not hold a thread.
    """

    def __init__(self, *, allow_private: bool, seconds: float) -> None:
        self._allow_private = allow_private
        self._deadline = time.monotonic() + seconds
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first allowed address of a host.

        Raises:
            WebhookAddressError: One of its addresses is not allowed.
            httpcore.ConnectError: It has none, or none answers.
        """
        del timeout
        failure: httpcore.NetworkError | httpcore.TimeoutException = httpcore.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port):
            try:
                stream = self._plain.connect_tcp(
                    address,
                    port,
                    timeout=_left(self._deadline),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _BoundedStream(stream, self._deadline)
        raise failure

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be looked up: {error}") from error
        addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
        # All of them: a name with one private address among others is no accident.
        if not self._allow_private and not all(map(is_public, addresses)):
            raise WebhookAddressError(
                "The receiver's name leads to a private address, which this server does not enter."
            )
        return addresses


class _BoundedStream(httpcore.NetworkStream):
    """A stream whose every step ends with the deadline of the whole."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what comes next."""
        del timeout
        return self._stream.read(max_bytes, timeout=_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        del timeout
        self._stream.write(buffer, timeout=_left(self._deadline))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on in TLS."""
        del timeout
        secured = self._stream.start_tls(ssl_context, server_hostname, timeout=_left(self._deadline))
        return _BoundedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Tell what httpcore asks of the socket."""
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise WebhookTimeoutError("The receiver does not answer in time.")
    return left
