"""What one page tells the next: a word in a short-lived cookie, so that addresses stay clean and reloads silent."""

from enum import Enum
from typing import Final

from flask import request
from werkzeug.wrappers import Response

from web.i18n import gettext

_COOKIE: Final = "notice"

# Until the page that a redirect leads to is there; a reader who never arrives hears nothing later.
_LIFE_SECONDS: Final = 30


class Notice(str, Enum):
    """What has just happened."""

    PHOTO_ERASED = "photo-erased"
    BATCH_ERASED = "batch-erased"


def with_notice(response: Response, notice: Notice) -> Response:
    """Let the next page tell what happened."""
    response.set_cookie(_COOKIE, notice.value, max_age=_LIFE_SECONDS, httponly=True, samesite="Lax")
    return response


def notice_text() -> str:
    """Say what happened on the page before; nothing where nothing did."""
    return {
        Notice.PHOTO_ERASED.value: gettext("The photo and its result were erased."),
        Notice.BATCH_ERASED.value: gettext("The batch, its photos and their results were erased."),
    }.get(request.cookies.get(_COOKIE, ""), "")


def without_notice(response: Response) -> Response:
    """Forget what has been told."""
    if _COOKIE in request.cookies:
        response.delete_cookie(_COOKIE, httponly=True, samesite="Lax")
    return response
