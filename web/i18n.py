"""The language of the pages: the browser's wish, which the reader's own choice (a cookie) overrides."""

from pathlib import Path
from typing import Final

import flask_babel
from flask import Flask, Response, has_request_context, request

LANGUAGES: Final = {"en": "English", "fr": "Français"}
COOKIE: Final = "language"
TRANSLATIONS: Final = Path(__file__).parent / "translations"


def choose_language() -> str:
    """Name the language of the current request."""
    if not has_request_context():
        return "en"
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(LANGUAGES, default="en") or "en"


def language_code() -> str:
    """Name the language in which the current page is written."""
    return str(flask_babel.get_locale() or "en")


def gettext(message: str, **values: object) -> str:
    """Translate a message for the current reader and fill in its values."""
    return str(flask_babel.gettext(message, **values))


def ngettext(one: str, several: str, count: int, **values: object) -> str:
    """Translate a message that depends on a number."""
    return str(flask_babel.ngettext(one, several, count, **values))


def percent(share: float, pattern: str = "0") -> str:
    """Write a share of one in percent as the reader's language does; the pattern is that of the number."""
    # The pattern of percents that comes with French has a wide space before the sign.
    return gettext("%(number)s%%", number=flask_babel.format_decimal(share * 100, pattern))


def register_languages(app: Flask) -> None:
    """Translate the pages of an app and tell caches that they differ."""
    flask_babel.Babel(
        app,
        locale_selector=choose_language,
        default_locale="en",
        default_timezone="UTC",
        default_translation_directories=str(TRANSLATIONS),
    )
    app.jinja_env.globals.update(language_code=language_code, languages=LANGUAGES)

    def vary(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.vary.update(["Accept-Language", "Cookie"])
            response.headers["Content-Language"] = language_code()
        return response

    app.after_request(vary)
