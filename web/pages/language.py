"""The switch between the languages of the pages."""

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from web.i18n import COOKIE, LANGUAGES
from web.redirects import local_path

language = Blueprint("language", __name__)

_YEAR_SECONDS = 365 * 24 * 3600


@language.get("/language/<code>")
def choose(code: str) -> Response:
    """Remember the reader's language and go back to the page that they came from."""
    if code not in LANGUAGES:
        abort(404)
    back = local_path(request.args.get("next", ""), otherwise=url_for("uploads.index"))
    response = redirect(back, code=303)
    response.set_cookie(COOKIE, code, max_age=_YEAR_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure)
    return response
