"""The jobs of the API: submit, read with long poll, erase, preview."""

from collections.abc import Callable
from hashlib import sha256

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from common.errors import InvalidRequestError
from common.jobs.record import Job
from common.settings import Settings
from common.webhooks import LONGEST_URL
from web.api.answers import JSON, Described, WebhookUrl, conditional, empty, problems
from web.api.parameters import JsonFloat, Parameters
from web.api.stray_parameters import refuse_unknown_fields
from web.erasure import erase_job
from web.multipart import FIELD, read_upload
from web.representation import API_PREFIX, JobDocument, job_document, job_links
from web.services import services
from web.webhooks import webhook_for

_TAG = Tag(name="jobs", description="One photograph each")

jobs = APIBlueprint("jobs", __name__, url_prefix=f"{API_PREFIX}/jobs", abp_tags=[_TAG])

WEBHOOK_FIELD = "webhook_url"

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_UPLOAD_BODY = {
    "required": True,
    "description": "JPEG, PNG, WebP, HEIC, BMP, TIFF or GIF (first frame); recognised by its bytes, never by its name.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "additionalProperties": False,
                "properties": {
                    FIELD: {"type": "string", "format": "binary"},
                    WEBHOOK_FIELD: {
                        "type": "string",
                        "format": "uri",
                        "maxLength": LONGEST_URL,
                        "description": "Told of the job's end; or as a query parameter",
                    },
                },
            }
        },
        "image/*": _BINARY,
    },
}


class JobPath(Parameters):
    """Path of one job."""

    job_id: str = Field(description="As the submission answered it")


class SubmitQuery(Parameters):
    """Query of a submission."""

    filename: str | None = Field(None, description="Name of an image sent as the raw body; shown in the result")
    webhook_url: WebhookUrl | None = Field(
        None, description="Told of the job's end by a signed POST; see docs/webhooks.md"
    )


class SubmitHeader(Parameters):
    """Headers of a submission."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Any text of yours. The same key with the same image answers the first job again, for a day or "
        "until that job is erased. After a 503, or no answer at all, the image may have been accepted: repeat the "
        "request under its key.",
    )


class WaitQuery(Parameters):
    """Query of a job's state."""

    wait: JsonFloat = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="Answer once the job has ended, or after this many seconds; more than the server's limit is cut",
    )


class PendingDocument(BaseModel):
    """Something that is being made; `Retry-After` tells when to ask again."""

    message: str


def _pictures(what: str) -> Described:
    """Describe that a JPEG is answered, or that the reader has it."""
    content = {"image/jpeg": _BINARY}
    return {200: {"description": what, "content": content}, 304: None, **problems(404, 422, 503)}


@jobs.post(
    "",
    operation_id="submit_job",
    responses={202: JobDocument, **problems(400, 408, 413, 415, 422, 503, 507)},
    openapi_extensions={"requestBody": _UPLOAD_BODY},
)
def submit(query: SubmitQuery, header: SubmitHeader) -> Response:
    """Submit one image.

    The status 202 means that the image and its job are stored and survive a crash. `Location` names the job.
    """
    found = services()
    upload = read_upload(request, max_bytes=found.settings.max_upload_bytes, max_parts=found.settings.max_form_parts)
    refuse_unknown_fields(FIELD, WEBHOOK_FIELD)
    webhook_url = _webhook_url(query, found.settings)
    job = found.submissions.submit(upload, idempotency_key=header.idempotency_key, webhook_url=webhook_url)
    response = Response(_body(job), status=202, content_type=JSON)
    response.headers["Location"] = job_links(job.id).self
    return response


@jobs.get("/<job_id>", operation_id="read_job", responses={200: JobDocument, 304: None, **problems(404, 422, 503)})
def read(path: JobPath, query: WaitQuery) -> Response:
    """Read a job, at once or when it has ended.

    With `If-None-Match` an unchanged job answers 304 without a body.
    """
    job, waited = services().long_polls.get(path.job_id, wait_seconds=query.wait)
    body = _body(job)
    response = conditional(Response(body, content_type=JSON), etag=sha256(body).hexdigest()[:32])
    if query.wait and not waited and not job.status.is_terminal:
        # Too many wait here already: this one must pause by itself.
        response.headers["Retry-After"] = "1"
    return response


@jobs.delete("/<job_id>", operation_id="erase_job", responses={204: None, **problems(404, 503)})
def erase(path: JobPath) -> Response:
    """Cancel a job that has not ended; erase its image, preview and record."""
    erase_job(services(), path.job_id)
    return empty()


@jobs.get("/<job_id>/preview", operation_id="read_preview", responses=_pictures("Upright JPEG without metadata"))
def preview(path: JobPath) -> Response:
    """Read a small upright copy of the image, without its metadata."""
    return _picture("preview", path.job_id, services().previews.get)


@jobs.get(
    "/<job_id>/image", operation_id="read_image", responses=_pictures("Upright JPEG in full size without metadata")
)
def image(path: JobPath) -> Response:
    """Read the image in full size, re-encoded without its metadata: made anew each time, for data sets."""
    return _picture("image", path.job_id, services().previews.whole)


@jobs.get(
    "/<job_id>/explanation",
    operation_id="read_explanation",
    responses={**_pictures("The image with a heat map over it, JPEG"), 202: PendingDocument},
)
def explanation(path: JobPath, query: WaitQuery) -> Response:
    """Read a heat map that shows where the evidence for the first label lies.

    A worker draws it on first request; until then the answer is 202.

    It shows what moved the model, which need not be what a dentist would look at.
    """
    explanations = services().explanations
    return _picture("explanation", path.job_id, lambda job_id: explanations.get(job_id, wait_seconds=query.wait))


def _picture(kind: str, job_id: str, read: Callable[[str], bytes | None]) -> Response:
    """Answer a picture of a job: 304 to who has it, 202 while it is being drawn."""
    # A picture never changes, so its job's id is the version; the look at the job is what makes 404 of an erased one.
    etag = f"{kind}-{job_id}"
    if etag in request.if_none_match:
        services().store.get(job_id)
        return conditional(Response(), etag=etag)
    picture = read(job_id)
    if picture is None:
        pending = PendingDocument(message="The heat map is being drawn; ask again in a second.")
        return Response(pending.model_dump_json(), status=202, content_type=JSON, headers={"Retry-After": "1"})
    return conditional(Response(picture, content_type="image/jpeg"), etag=etag)


def _webhook_url(query: SubmitQuery, settings: Settings) -> str | None:
    """Take the address from the form or the query; where both name one, both must be good and the form's counts.

    Raises:
        InvalidRequestError: The form names several, or it came as a file: it would be passed over.
        WebhookUrlError: No webhook can go there.
        WebhooksDisabledError: This server sends none.
    """
    in_form = request.form.getlist(WEBHOOK_FIELD)
    if len(in_form) > 1 or WEBHOOK_FIELD in request.files:
        raise InvalidRequestError(f"`{WEBHOOK_FIELD}` is one text: send it once.")
    asked = [url for url in (*in_form, query.webhook_url) if url is not None]
    for url in asked:
        webhook_for(url, settings)
    return asked[0] if asked else None


def _body(job: Job) -> bytes:
    return job_document(job).model_dump_json().encode()
