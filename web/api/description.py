"""The OpenAPI document: what flask-openapi3 makes of the routes, mended, with what all routes share."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from flask import current_app
from flask_openapi3.openapi import OpenAPI

from web.access.guard import COOKIE, OPEN_ENDPOINTS
from web.api.answers import problems
from web.problems import CONTENT_TYPE
from web.representation import API_PREFIX
from web.services import services

_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "dentiq_ID_SECRET",
        "description": "An API key, made by the operator. Scopes: submit sends and erases, read reads, admin does all.",
    },
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "A browser signed in at /sign-in."},
}

# The web server refuses requests by their heads, whatever is asked for.
_REFUSED_HEADS = (400, 413, 414, 417, 431, 501)

# Every route of the API gives it to a query parameter that it does not know.
_UNKNOWN_PARAMETER = (422,)

_OPEN_OPERATIONS = frozenset(endpoint.partition(".")[2] for endpoint in OPEN_ENDPOINTS)


def describe_api() -> dict[str, Any]:
    """Make the OpenAPI document of the current application."""
    app = current_app
    assert isinstance(app, OpenAPI)  # noqa: S101  create_app makes no other; this tells the type checker
    described: dict[str, Any] = app.api_doc
    for operation in _operations(described):
        _mend(operation)
        _describe(operation, _REFUSED_HEADS)
    for path, operations in described["paths"].items():
        if path.startswith(f"{API_PREFIX}/"):
            for operation in operations.values():
                _describe(operation, _UNKNOWN_PARAMETER)
    # flask-openapi3 writes null for what there is none of, which the specification allows nowhere.
    described["components"] = {name: parts for name, parts in described["components"].items() if parts is not None}
    guard = services().guard
    if guard.active:
        for operation in _operations(described):
            _describe_refusals(operation, keys_required=guard.keys_required)
    if guard.keys_required:
        described["components"]["securitySchemes"] = _SCHEMES
    return described


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for path in described["paths"].values() for operation in path.values())


def _describe_refusals(operation: dict[str, Any], *, keys_required: bool) -> None:
    """Say which answers the guard gives, where it stands."""
    statuses = [429]
    if keys_required:
        is_open = operation["operationId"] in _OPEN_OPERATIONS
        operation["security"] = [] if is_open else [{name: []} for name in _SCHEMES]
        statuses += [] if is_open else [401, 403, 503]
    _describe(operation, statuses)


def _describe(operation: dict[str, Any], statuses: Iterable[int]) -> None:
    for status, answer in problems(*statuses).items():
        assert isinstance(answer, dict)  # noqa: S101  problems makes nothing else; this tells the type checker
        operation["responses"].setdefault(str(status), {"description": HTTPStatus(int(status)).phrase, **answer})


def _drop_null(parameter: dict[str, Any]) -> None:
    """Describe an optional parameter by what it may be: left out, not null."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        parameter["schema"] = {name: part for name, part in schema.items() if name != "anyOf"} | kinds[0]


def _mend(operation: dict[str, Any]) -> None:
    """Take back habits of flask-openapi3: a JSON 422 on every operation, parameters of null, HTML in descriptions."""
    invalid = operation["responses"].get("422", {})
    if CONTENT_TYPE not in invalid.get("content", {}):
        operation["responses"].pop("422", None)
    for parameter in operation.get("parameters", ()):
        _drop_null(parameter)
    if "description" in operation:
        operation["description"] = operation["description"].replace("<br/>", "\n").strip()
