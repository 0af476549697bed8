"""The page of one job: its picture, where it stands, and what the model says of it."""

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from flask import Response as AnyResponse
from werkzeug.wrappers import Response

from common.api_keys import Scope
from common.errors import JobStoreUnavailableError
from common.jobs.record import Job, JobStatus, Verdict
from web.api.answers import conditional
from web.erasure import erase_job
from web.i18n import language_code
from web.pages.job_view import JobView
from web.pages.notices import Notice, with_notice
from web.previews import THUMBNAIL
from web.services import services

results = Blueprint("results", __name__)

# A page asks again at once, and the server holds its question: 1 s at first, as most results take less, then longer
# up to 5 s, after which a reader would take a dead server for a slow one. A result ends the hold at once.
_FIRST_HOLD_SECONDS = 1.0
_LONGEST_HOLD_SECONDS = 5.0
_GROWTH = 1.5


def hold_seconds(turn: int) -> float:
    """Tell how long the server holds a page's question, by how often it has asked."""
    return min(_LONGEST_HOLD_SECONDS, _FIRST_HOLD_SECONDS * _GROWTH ** min(turn, 10))


@results.get("/jobs/<job_id>")
def page(job_id: str) -> str:
    """Show a job under the address that stays its own."""
    job = services().store.get(job_id)
    return render_template("job.html", view=job_view(job), turn=0)


@results.get("/jobs/<job_id>/status")
def status(job_id: str) -> Response:
    """Answer the part of the page that changes, as soon as the job has ended or the hold is over."""
    turn = max(0, request.args.get("turn", 0, type=int))
    job, held = services().long_polls.get(job_id, wait_seconds=hold_seconds(turn))
    pause = 0.0 if held else hold_seconds(turn)
    return make_response(render_template("parts/status.html", view=job_view(job), turn=turn + 1, pause=pause))


@results.get("/jobs/<job_id>/thumbnail")
def thumbnail(job_id: str) -> Response:
    """Show a small copy of the picture, for pages with dozens of them."""
    found = services()
    etag = f"thumbnail-{job_id}"
    if etag in request.if_none_match:
        found.store.get(job_id)
        return conditional(AnyResponse(), etag=etag)
    return conditional(AnyResponse(found.previews.get(job_id, THUMBNAIL), content_type="image/jpeg"), etag=etag)


@results.post("/jobs/<job_id>/correction")
def correct(job_id: str) -> Response:
    """Store what a reader says of the answer: that it is right, or what the photograph shows."""
    if request.form.get("verdict") == Verdict.RIGHT.value:
        # Whether an answer can be right tells something of it.
        services().guard.require(Scope.READ)
        services().corrections.confirm(job_id)
    else:
        services().corrections.correct(job_id, request.form.get("label", ""))
    return _corrected(job_id)


@results.post("/jobs/<job_id>/correction/withdraw")
def withdraw_correction(job_id: str) -> Response:
    """Take what a reader said back."""
    services().corrections.withdraw(job_id)
    return _corrected(job_id)


@results.post("/jobs/<job_id>/delete")
def delete(job_id: str) -> Response:
    """Erase a job for a reader, then lead to the start page."""
    erase_job(services(), job_id)
    return with_notice(redirect(url_for("uploads.index"), code=303), Notice.PHOTO_ERASED)


def _corrected(job_id: str) -> Response:
    """Answer the part of the page that has changed, or lead to it where no script asked.

    A key that submits may correct, but the part tells the answer: who may not read is led to the page, which says so.
    """
    key = g.get("api_key")
    may_read = key is None or key.allows(Scope.READ)
    if not may_read or not request.headers.get("HX-Request"):
        return redirect(url_for("results.page", job_id=job_id, _anchor="correction"), code=303)
    view = job_view(services().store.get(job_id))
    return make_response(render_template("parts/correction.html", view=view, changed=True))


def job_view(job: Job) -> JobView:
    """Put a job into the words of the current reader."""
    found = services()
    return JobView(
        job,
        found.texts,
        language=language_code(),
        labels=found.corrections.labels() if job.status is JobStatus.SUCCEEDED else (),
        no_worker=_lacks_worker(job),
        has_card=job.model_version in found.models.versions(),
    )


def _lacks_worker(job: Job) -> bool:
    """Whether no worker is known to be there for a job that waits for one."""
    if job.status is not JobStatus.QUEUED:
        return False
    try:
        return not services().workers.alive()
    except JobStoreUnavailableError:
        # A remark beside the job, which was accepted or read a moment ago.
        return False
