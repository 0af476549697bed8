"""What happens around every request: an id that ties answer and log together, one log line, one count."""

import re
import secrets
from time import monotonic

import structlog
from flask import Flask, Response, g, request

from web.body_timer import TimedBody
from web.metrics import WebMetrics

HEADER = "X-Request-ID"

# A proxy's id is kept when it cannot forge a log line.
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

# Closed sets for metric labels: a sender can invent any number of methods and paths.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE = "(none)"

# Asked every few seconds by machines: counted, not logged.
_QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics", "/static/<path:filename>"})

_log = structlog.get_logger(__name__)


def register_request_log(app: Flask, metrics: WebMetrics) -> None:
    """Number, time, count and log every request of an app."""

    def begin() -> None:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _ACCEPTED_ID.fullmatch(given) else secrets.token_hex(8)
        g.started = monotonic()
        # Before anything reads it: the server reads a body only when it is asked for.
        request.environ["wsgi.input"] = g.body = TimedBody(request.environ["wsgi.input"])
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else _NO_ROUTE
        method = request.method if request.method in _METHODS else "other"
        seconds = max(0.0, monotonic() - g.started - g.body.seconds - g.get("waited_seconds", 0.0))
        metrics.count_request(route=route, method=method, code=response.status_code, seconds=seconds)
        if request.content_length or g.body.seconds:
            metrics.count_body(route=route, seconds=g.body.collected_seconds + g.body.seconds)
        response.headers[HEADER] = g.request_id
        if route not in _QUIET_ROUTES or response.status_code >= 500:
            # The route, not the path: a job's address is its key, and logs are read by more people than jobs are.
            _log.info("request", method=method, route=route, code=response.status_code, seconds=round(seconds, 6))
        return response

    app.before_request(begin)
    app.after_request(end)
