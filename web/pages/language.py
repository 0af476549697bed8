"""The switch between the languages of the pages."""

import re
from typing import Final

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from web.i18n import COOKIE, LANGUAGES

language = Blueprint("language", __name__)

_YEAR_SECONDS = 365 * 24 * 3600

# A path of this server. Browsers read a backslash as a slash and drop line breaks and tabs, so //host, /\host and
# /<tab>/host are other servers too. A pattern, for the parsers of addresses raise on what they do not understand.
_LOCAL_PATH: Final = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f\\]*")


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
    return target if _LOCAL_PATH.fullmatch(target) else url_for("uploads.index")
