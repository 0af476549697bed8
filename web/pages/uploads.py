"""The start page: one photograph in, by drag and drop, by a button, or by a form without any script."""

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web.i18n import language_code
from web.multipart import read_upload
from web.pages.results import job_view
from web.pathology_texts import known_slugs, pathology_text
from web.services import services

uploads = Blueprint("uploads", __name__)


@uploads.get("/")
def index() -> str:
    """Show the upload page."""
    settings = services().settings
    return render_template(
        "upload.html",
        max_upload_bytes=settings.max_upload_bytes,
        erased=request.args.get("erased") == "1",
        names=sorted(pathology_text(slug, language_code()).name for slug in known_slugs()),
    )


@uploads.post("/")
def submit() -> AnyResponse:
    """Take one photograph and lead to its result, in place where the page's script asked."""
    found = services()
    upload = read_upload(request, max_bytes=found.settings.max_upload_bytes, max_parts=found.settings.max_form_parts)
    job = found.submissions.submit(upload)
    address = url_for("results.page", job_id=job.id)
    if not request.headers.get("HX-Request"):
        return redirect(address, code=303)
    response: Response = make_response(render_template("parts/job_in_place.html", view=job_view(job), turn=0))
    response.headers["HX-Push-Url"] = address
    return response
