"""An error as a page, or as the sentence that a form shows in place."""

from flask import Response, g, make_response, render_template, request

from web.sentences import sentence


def render_error_page(*, status: int, code: str) -> Response:
    """Say what went wrong in the reader's language."""
    template = "parts/error.html" if request.headers.get("HX-Request") else "error.html"
    body = render_template(
        template, sentence=sentence(code), code=code, status=status, request_id=g.get("request_id", "")
    )
    response = make_response(body, status)
    # A proxy may show its own page for these statuses; ours says more.
    response.headers["Cache-Control"] = "no-store"
    return response
