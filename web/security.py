"""Headers that tell a browser what our pages never do, and the refusal of forms that another site sends."""

from typing import Final

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden

from web.access.guard import COOKIE, SAFE_METHODS

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
    # A job's address is the key to it: it must not leave in a referrer. Our own server may see it: under `no-referrer`
    # a browser hides the origin of our own forms too, and they could not be told from another site's.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}

# Our own pages, and a person who typed the address. `same-site` is another server of the same domain.
_OWN_SITES: Final = frozenset({"same-origin", "none"})


def register_security(app: Flask) -> None:
    """Set the headers on every answer and refuse cross-site changes."""

    def refuse_cross_site() -> None:
        if request.method not in SAFE_METHODS and not _sent_by_us():
            raise Forbidden("A page of another site sent this request; open dentiq itself to do this.")

    def set_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        # Answers about images of people are kept by no cache unless a route says otherwise.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(refuse_cross_site)
    app.after_request(set_headers)


def _sent_by_us() -> bool:
    """Whether a program, a person or one of our own pages sent the current request, as far as a browser tells.

    No page can forge these headers. Browsers send `Sec-Fetch-Site` over TLS and to localhost alone, `Origin` with every
    POST; programs send neither and carry no one else's rights. Tokens in forms would need a session before anybody
    has one, and protect against nothing more.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in _OWN_SITES
    origin = request.headers.get("Origin")
    # The host without the scheme: behind a proxy that speaks TLS, ours is another than the browser's.
    if origin is None:
        # The rights of a cookie need a proof: a browser too old to send `Origin` is no program.
        return COOKIE not in request.cookies
    return origin.partition("://")[2].casefold() == request.host.casefold()
