"""The description of the API: the OpenAPI document and a page that shows it."""

from collections.abc import Iterator
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, render_template
from flask_openapi3.openapi import OpenAPI

from web.api.answers import JSON
from web.problems import CONTENT_TYPE
from web.representation import API_PREFIX

docs = Blueprint("docs", __name__)


@docs.get(f"{API_PREFIX}/openapi.json")
def document() -> Response:
    """Give the OpenAPI document."""
    app = current_app
    assert isinstance(app, OpenAPI)  # noqa: S101  create_app makes no other; this tells the type checker
    described = app.api_doc
    for operation in _operations(described):
        _mend(operation)
    response = Response(orjson.dumps(described), content_type=JSON)
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@docs.get("/api/docs")
def page() -> str:
    """Show the API to people."""
    return render_template("api_docs.html")


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for path in described["paths"].values() for operation in path.values())


def _mend(operation: dict[str, Any]) -> None:
    """Take back two habits of flask-openapi3: a JSON 422 on every operation, and HTML in descriptions."""
    invalid = operation["responses"].get("422", {})
    if CONTENT_TYPE not in invalid.get("content", {}):
        operation["responses"].pop("422", None)
    if "description" in operation:
        operation["description"] = operation["description"].replace("<br/>", "\n").strip()
