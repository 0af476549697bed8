"""Signing in with an API key, where the server asks for one, and signing out."""

from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from web.access.guard import COOKIE
from web.access.sessions import LIFE_SECONDS
from web.redirects import local_path
from web.services import services

sign_in = Blueprint("sign_in", __name__)

_LONGEST_KEY: Final = 200


@sign_in.get("/sign-in")
def page() -> str:
    """Show the form."""
    return _form(wrong=False)


@sign_in.post("/sign-in")
def begin() -> Response:
    """Begin a session of the key that was typed, and go on to the page that asked for it."""
    guard = services().guard
    key = guard.verify(request.form.get("key", "")[:_LONGEST_KEY].strip())
    if key is None:
        guard.metrics.count_refused(reason="key_invalid")
        return make_response(_form(wrong=True), 401)
    _end_session()
    response = redirect(_next(), code=303)
    response.set_cookie(
        COOKIE,
        guard.sessions.begin(key.id),
        max_age=LIFE_SECONDS,
        httponly=True,
        # Not Strict: who follows a link to a result from elsewhere is still signed in. Only reading goes through
        # then, and what changes something is refused from other sites (see web.security).
        samesite="Lax",
        secure=request.is_secure,
    )
    return response


@sign_in.post("/sign-out")
def end() -> Response:
    """End the session, on the server too."""
    _end_session()
    response = redirect(url_for("sign_in.page"), code=303)
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=request.is_secure)
    return response


def lead_here(status: int) -> Response:
    """Answer a page's request that needs a key: with the form, after which the page is shown."""
    came_from = request.full_path.rstrip("?") if request.method == "GET" else "/"
    if request.headers.get("HX-Request"):
        # htmx replaces the whole page; its parts are no pages to come back to.
        response: Response = make_response("", status)
        response.headers["HX-Redirect"] = url_for("sign_in.page")
        return response
    return redirect(url_for("sign_in.page", next=came_from), code=303)


def _end_session() -> None:
    """End the session that the browser has, if any."""
    cookie = request.cookies.get(COOKIE)
    if cookie:
        services().guard.sessions.end(cookie)


def _form(*, wrong: bool) -> str:
    return render_template("sign_in.html", wrong=wrong, next=_next())


def _next() -> str:
    return local_path(request.values.get("next", ""), otherwise=url_for("uploads.index"))
