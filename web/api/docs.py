"""The description of the API: the OpenAPI document and a page that shows it."""

import orjson
from flask import Blueprint, Response, current_app, render_template
from flask_openapi3.openapi import OpenAPI

from web.api.answers import JSON
from web.representation import API_PREFIX

docs = Blueprint("docs", __name__)


@docs.get(f"{API_PREFIX}/openapi.json")
def document() -> Response:
    """Give the OpenAPI document."""
    app = current_app
    assert isinstance(app, OpenAPI)  # noqa: S101  create_app makes no other; this tells the type checker
    response = Response(orjson.dumps(app.api_doc), content_type=JSON)
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@docs.get("/api/docs")
def page() -> str:
    """Show the API to people."""
    return render_template("api_docs.html")
