"""The model card: what a model version was made from, how well it does and where it fails."""

from dataclasses import dataclass

import structlog
from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from common.curves import CURVES_NAME, Curves
from common.errors import ModelError
from common.manifest import Manifest, card_name
from web.i18n import language_code
from web.markdown import render_markdown
from web.pages import curve_picture
from web.pages.model_view import PICTURES, ModelView
from web.services import services

_log = structlog.get_logger(__name__)

model_card = Blueprint("model_card", __name__)


@dataclass(frozen=True)
class Card:
    """What training wrote of a version.

    Attributes:
        html: Without its title and its pictures, which stand above it.
        language: The reader's; English where the version has no card of that.
    """

    html: str
    language: str


@model_card.get("/model")
def current() -> AnyResponse:
    """Lead to the card of the version that serves."""
    return redirect(url_for("model_card.page", version=services().models.current()), code=302)


@model_card.get("/model/<version>")
def page(version: str) -> str:
    """Show the card of one version."""
    models = services().models
    if version not in models.versions():
        abort(404)
    manifest = models.manifest(version)
    view = ModelView(manifest, services().texts, language_code(), _curves(manifest))
    return render_template(
        "model_card.html",
        view=view,
        current=_current() == version,
        others=[name for name in models.versions() if name != version],
        card=_card(version),
        curve_frame=curve_picture,
    )


@model_card.get("/model/<version>/<name>")
def picture(version: str, name: str) -> Response:
    """Show one picture of a version, of those that training draws."""
    models = services().models
    if name not in PICTURES or version not in models.versions():
        abort(404)
    try:
        data = models.file(version, name).read_bytes()
    except OSError:
        abort(404)
    response = Response(data, content_type="image/png")
    # A version never changes once it is made.
    response.cache_control.public = True
    response.cache_control.max_age = 3600
    response.add_etag()
    response.make_conditional(request)
    return response


def _current() -> str:
    try:
        return services().models.current()
    except ModelError:
        return ""


def _curves(manifest: Manifest) -> Curves | None:
    """Read the curves of a version; None where it has none to read, and the pictures of training stand in."""
    if CURVES_NAME not in manifest.files:
        return None
    try:
        return Curves.read(services().models.file(manifest.version, CURVES_NAME))
    except ModelError as error:
        _log.warning("curves_unreadable", version=manifest.version, reason=error.log_reason)
        return None


def _card(version: str) -> Card | None:
    """Give the card as training wrote it, in the reader's language if there is one."""
    for language in dict.fromkeys((language_code(), "en")):
        try:
            text = services().models.file(version, card_name(language)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        title, _, body = text.partition("\n")
        return Card(render_markdown(body if title.startswith("# ") else text), language)
    return None
