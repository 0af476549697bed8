"""Headers that tell a browser what our pages never do, and the refusal of forms that another site sends."""

from typing import Final

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden

# Scripts, styles and connections of our own address only, nothing inline. blob: shows the chosen file before it is
# sent; data: is how Pico.css draws its icons.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # A job's address is the key to it: it must not leave in a referrer.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def register_security(app: Flask) -> None:
    """Set the headers on every answer and refuse cross-site changes."""

    def refuse_cross_site() -> None:
        # Every current browser sends the header and no page can forge it; programs send none and hold no cookie.
        if request.method not in _SAFE_METHODS and request.headers.get("Sec-Fetch-Site") == "cross-site":
            raise Forbidden("A page of another site sent this request; open dentiq itself to do this.")

    def set_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        # Answers about images of people are kept by no cache unless a route says otherwise.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(refuse_cross_site)
    app.after_request(set_headers)
