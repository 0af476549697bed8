"""The description of the API: the OpenAPI document for programs, and a page for people."""

import orjson
from flask import Blueprint, Response, render_template

from web.api.answers import JSON
from web.api.description import describe_api
from web.pages.api_view import ApiView
from web.representation import API_PREFIX
from web.services import services

docs = Blueprint("docs", __name__)


@docs.get(f"{API_PREFIX}/openapi.json")
def document() -> Response:
    """Give the OpenAPI document."""
    response = Response(orjson.dumps(describe_api()), content_type=JSON)
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@docs.get("/api/docs")
def page() -> str:
    """Show the API to people."""
    return render_template("api.html", view=ApiView(describe_api(), keys_required=services().guard.keys_required))
