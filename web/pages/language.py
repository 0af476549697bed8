"""The switch between the languages of the pages."""

from urllib.parse import urlsplit

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from web.i18n import COOKIE, LANGUAGES

language = Blueprint("language", __name__)

_YEAR_SECONDS = 365 * 24 * 3600


@language.get("/language/<code>")
def choose(code: str) -> Response:
    """Remember the reader's language and go back to the page that they came from."""
    if code not in LANGUAGES:
        abort(404)
    response = redirect(_local_path(request.args.get("next", "")), code=303)
    response.set_cookie(COOKIE, code, max_age=_YEAR_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure)
    return response


def _local_path(target: str) -> str:
    """Keep a path of this server, replace everything that could lead elsewhere."""
    parts = urlsplit(target)
    # Browsers read a backslash as a slash, so /\host is another server too.
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return url_for("uploads.index")
    return target
