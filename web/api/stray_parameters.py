"""What a route does not know in the query or a form is refused, or what is said twice: a wish that nobody hears."""

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from flask import Flask, Response, abort, current_app, request
from pydantic import BaseModel

from common.errors import InvalidRequestError
from web.problems import Fault, problem_response
from web.representation import API_PREFIX


def refuse_stray_parameters(app: Flask) -> None:
    """Refuse them on every route of the API, also on those that take none."""
    app.before_request(_refuse)


def _refuse() -> Response | None:
    if not request.args or request.endpoint is None or not request.path.startswith(f"{API_PREFIX}/"):
        return None
    known = _known(current_app.view_functions[request.endpoint])
    unknown = sorted(request.args.keys() - set(known))
    if unknown:
        return _refusal("query parameter", unknown, known)
    # No parameter is a list, and a second value would be passed over.
    repeated = [f"`{name}`" for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        return _refused(
            f"{request.method} {request.path} takes each query parameter once; send {', '.join(repeated)} once."
        )
    return None


def refuse_unknown_fields(*known: str) -> None:
    """End the request where its form, whose limits are set, has a field that its route does not know."""
    unknown = sorted({*request.form, *request.files} - set(known))
    if unknown:
        abort(_refusal("form field", unknown, known))


def _refusal(kind: str, unknown: Iterable[str], known: Iterable[str]) -> Response:
    named = ", ".join(f"`{name[:80]}`" for name in list(unknown)[:5])
    taken = ", ".join(f"`{name}`" for name in known) or "none"
    return _refused(f"{request.method} {request.path} does not know the {kind} {named}; it takes {taken}.")


def _refused(detail: str) -> Response:
    return problem_response(Fault(422, InvalidRequestError.code, InvalidRequestError.title, detail))


@cache
def _known(view: Callable[..., Any]) -> tuple[str, ...]:
    """Name the query parameters that a route declares, as flask-openapi3 reads them: by the argument `query`."""
    argument = inspect.signature(view).parameters.get("query")
    model = argument.annotation if argument is not None else None
    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        return ()
    return tuple(field.alias or name for name, field in model.model_fields.items())
