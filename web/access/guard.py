"""Who may do what: before each request its key is found, its rate counted and its scope checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from flask import Flask, Request, g, request
from werkzeug.wrappers import Response

from common.api_keys import ApiKey, KeyFile, Scope
from common.errors import (
    ConfigurationError,
    JobStoreUnavailableError,
    KeyInvalidError,
    KeyMissingError,
    ScopeMissingError,
    UnavailableError,
)
from common.key_uses import KeyUses
from common.settings import Settings
from web.access.client_address import subscriber
from web.access.rates import Rates
from web.access.sessions import Sessions
from web.metrics import WebMetrics

COOKIE: Final = "dentiq_session"

# What strangers may see: nothing of anybody's photographs, jobs or models. All else, new routes too, needs a key.
OPEN_ENDPOINTS: Final = frozenset(
    {
        "static",
        "health.healthz",
        "health.readyz",
        "docs.document",
        "docs.page",
        "language.choose",
        "sign_in.page",
        "sign_in.begin",
        "sign_in.end",
    }
)

# Asked by machines every few seconds, or many times for one page: answered from memory, and so not counted.
_UNCOUNTED: Final = frozenset({"static", "health.healthz", "health.readyz"})

# They tell about the platform, or of jobs whose addresses nobody was given.
_ADMIN_ENDPOINTS: Final = frozenset({"health.metrics", "system.page", "system.state", "corrections.list_corrected"})

# They change nothing (RFC 9110, 9.2.1).
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Guard:
    """Let requests in, or say why not."""

    settings: Settings
    keys: KeyFile
    sessions: Sessions
    uses: KeyUses
    rates: Rates
    metrics: WebMetrics

    @property
    def keys_required(self) -> bool:
        """Whether requests need a key."""
        return self.settings.keys_required

    @property
    def active(self) -> bool:
        """Whether anything is checked or counted: not where this machine alone reaches web and no keys are wanted."""
        return self.keys_required or self.settings.open_to_network

    def verify(self, text: str) -> ApiKey | None:
        """Give the key whose text this is.

        Raises:
            UnavailableError: The file of keys cannot be read; the log says why.
        """
        with _unreadable_keys_refused():
            return self.keys.verify(text)

    def check(self) -> None:
        """Check the current request.

        Raises:
            AccessError: It may not be answered, or not now.
            UnavailableError: Who it is cannot be seen now.
        """
        endpoint = request.endpoint
        if endpoint in _UNCOUNTED or _on_metrics_port(self.settings):
            return
        key = self._find_key(request) if self.keys_required else None
        if key is None:
            self.rates.count("address", subscriber(request.remote_addr or ""))
        else:
            self.rates.count("key", key.id)
            self._note_use(key)
        g.api_key = key
        # A path that leads nowhere is a 404 for everybody.
        if not self.keys_required or endpoint in OPEN_ENDPOINTS or endpoint is None:
            return
        self._require(key, _scope_of(endpoint, request.method))

    def require(self, scope: Scope) -> None:
        """Demand a scope that not everything a route does needs.

        Raises:
            ScopeMissingError: The key of the current request lacks it.
        """
        if self.keys_required:
            self._require(g.api_key, scope)

    def _require(self, key: ApiKey | None, scope: Scope) -> None:
        if key is None:
            reason = "key_invalid" if g.key_was_wrong else "key_missing"
            self.metrics.count_refused(reason=reason)
            if g.key_was_wrong:
                raise KeyInvalidError(
                    "The API key is not known or was revoked. Ask the operator for another, and send it whole."
                )
            raise KeyMissingError(
                "This server asks for an API key. Send it as `Authorization: Bearer dentiq_...`; "
                "in a browser sign in at /sign-in; with the command line give --key or DENTIQ_API_KEY."
            )
        if not key.allows(scope):
            self.metrics.count_refused(reason="scope_missing")
            raise ScopeMissingError(f"The API key {key.id} may not do this: it lacks the scope {scope.value}.")

    def _find_key(self, sent: Request) -> ApiKey | None:
        """Find the key of a request: its own, else that of the browser's session."""
        header = sent.authorization
        g.key_was_wrong = False
        # A proxy that asks for a login of its own passes it on as another type.
        if header is not None and header.type == "bearer":
            key = self.verify(header.token or "")
            g.key_was_wrong = key is None
            return key
        cookie = sent.cookies.get(COOKIE)
        key_id = self.sessions.key_id(cookie) if cookie else None
        g.by_cookie = key_id is not None
        with _unreadable_keys_refused():
            return self.keys.find(key_id) if key_id else None

    def _note_use(self, key: ApiKey) -> None:
        try:
            self.uses.note(key.id)
        except JobStoreUnavailableError as error:
            _log.warning("key_use_not_noted", key=key.id, reason=error.log_reason)


def register_guard(app: Flask, guard: Guard) -> None:
    """Check every request of an app; where web is on loopback and asks for no keys, nothing is checked or counted."""
    settings = guard.settings
    if guard.active:
        app.before_request(guard.check)

    def signed_in() -> bool:
        return bool(g.get("by_cookie")) and g.get("api_key") is not None

    app.jinja_env.globals.update(signed_in=signed_in)
    if settings.web_metrics_port:
        app.before_request(lambda: _keep_to_its_port(settings))


@contextmanager
def _unreadable_keys_refused() -> Iterator[None]:
    """Let nobody in by a file of keys that somebody broke."""
    try:
        yield
    except ConfigurationError as error:
        _log.error("keys_unreadable", reason=error.message)
        raise UnavailableError("API keys cannot be checked now; the operator finds the reason in the log.") from error


def _scope_of(endpoint: str, method: str) -> Scope:
    if endpoint in _ADMIN_ENDPOINTS:
        return Scope.ADMIN
    return Scope.READ if method in SAFE_METHODS else Scope.SUBMIT


def _on_metrics_port(settings: Settings) -> bool:
    # Gunicorn takes it from the socket that accepted the connection, never from what was sent.
    return bool(settings.web_metrics_port) and request.environ.get("SERVER_PORT") == str(settings.web_metrics_port)


def _keep_to_its_port(settings: Settings) -> Response | None:
    """Show nothing but metrics on the port of metrics."""
    if _on_metrics_port(settings) and request.endpoint != "health.metrics":
        return Response("Only /metrics is shown here.\n", status=404, content_type="text/plain; charset=utf-8")
    return None
