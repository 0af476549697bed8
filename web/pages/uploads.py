"""The start page: photographs in, by drag and drop, by a button, or one of them by a form without any script."""

from typing import Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web.i18n import language_code
from web.multipart import read_upload
from web.pages.notices import notice_text, without_notice
from web.pages.results import job_view
from web.sentences import sentence
from web.services import services

uploads = Blueprint("uploads", __name__)

# Why one of many photographs, or all of them, are not taken, in the reader's language, for the script that sends them.
_REASONS: Final = (
    "image_empty",
    "image_too_large",
    "image_format_unsupported",
    "image_too_small",
    "image_too_many_pixels",
    "image_too_complex",
    "image_truncated",
    "image_corrupt",
    "image_rejected",
    "access_refused",
    "key_missing",
    "key_invalid",
    "scope_missing",
    "forbidden",
    "batch_not_found",
    "batch_closed",
    "internal_error",
)


@uploads.get("/")
def index() -> AnyResponse:
    """Show the upload page."""
    settings = services().settings
    page = render_template(
        "upload.html",
        max_upload_bytes=settings.max_upload_bytes,
        max_batch_images=settings.max_batch_images,
        notice=notice_text(),
        texts=services().texts.all(language_code()),
        reasons=[(code, sentence(code)) for code in _REASONS],
    )
    return without_notice(make_response(page))


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
