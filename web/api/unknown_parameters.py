"""Query parameters that a route of the API does not know are refused: a misspelt one is a wish that nobody hears."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Flask, Response, current_app, request
from pydantic import BaseModel

from common.errors import InvalidRequestError
from web.problems import Fault, problem_response
from web.representation import API_PREFIX


def refuse_unknown_parameters(app: Flask) -> None:
    """Refuse them on every route of the API, also on those that take none."""
    app.before_request(_refuse)


def _refuse() -> Response | None:
    if not request.args or request.endpoint is None or not request.path.startswith(f"{API_PREFIX}/"):
        return None
    known = _known(current_app.view_functions[request.endpoint])
    unknown = sorted(request.args.keys() - set(known))
    if not unknown:
        return None
    named = ", ".join(f"`{name[:80]}`" for name in unknown[:5])
    taken = f"takes {', '.join(f'`{name}`' for name in known)}" if known else "takes none"
    detail = f"{request.method} {request.path} does not know the query parameter {named}; it {taken}."
    return problem_response(Fault(422, InvalidRequestError.code, InvalidRequestError.title, detail))


@cache
def _known(view: Callable[..., Any]) -> tuple[str, ...]:
    """Name the query parameters that a route declares, as flask-openapi3 reads them: by the argument `query`."""
    argument = inspect.signature(view).parameters.get("query")
    model = argument.annotation if argument is not None else None
    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        return ()
    return tuple(field.alias or name for name, field in model.model_fields.items())
