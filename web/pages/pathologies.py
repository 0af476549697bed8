"""The pages about pathologies: an index, and for each what it is, its signs and causes, what to do, and sources."""

from flask import Blueprint, abort, render_template

from common.errors import ModelError
from web.i18n import language_code
from web.markdown import render_markdown
from web.pages.model_view import LabelFigures, ModelView
from web.pathology_texts import known_slugs
from web.services import services

pathologies = Blueprint("pathologies", __name__)


@pathologies.get("/pathologies")
def index() -> str:
    """List what the model can recognise."""
    return render_template("pathologies.html", texts=services().texts.all(language_code()))


@pathologies.get("/pathologies/<slug>")
def page(slug: str) -> str:
    """Tell about one pathology."""
    texts = services().texts
    if slug not in {*texts.slugs(), *known_slugs()}:
        abort(404)
    text = texts.get(slug, language_code())
    return render_template(
        "pathology.html",
        text=text,
        body=render_markdown(text.body),
        figures=_figures(slug),
        others=[other for other in texts.all(language_code()) if other.slug != slug],
    )


def _figures(slug: str) -> LabelFigures | None:
    """Say how well the current version knows a label, where it says so itself."""
    models = services().models
    try:
        view = ModelView(models.manifest(models.current()), services().texts, language_code())
    except ModelError:
        return None
    return next((row for row in view.labels if row.slug == slug), None)
