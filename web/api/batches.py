"""The batches of the API: make, fill, watch, list, export, cancel, erase."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from typing import Final

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from common.jobs.batches import Closing
from common.jobs.record import IdempotencyKey, Job, new_job_id
from web.api.answers import JSON, WebhookUrl, conditional, empty, problems
from web.api.parameters import LAST_CURSOR, Body, JsonInt, Parameters
from web.api.stray_parameters import refuse_unknown_fields
from web.batch_representation import BatchDocument, batch_document, batch_links, csv_lines
from web.batch_requests import ARCHIVE_FIELD, IMAGES_FIELD, read_uploads
from web.filenames import clean_filename
from web.idempotency import idempotency_name
from web.representation import API_PREFIX, JobDocument, job_document
from web.services import Services, services
from web.webhooks import webhook_for

batches = APIBlueprint(
    "batches",
    __name__,
    url_prefix=f"{API_PREFIX}/batches",
    abp_tags=[Tag(name="batches", description="Folders of photographs")],
)

# Records that are in memory at one time while results are exported.
_PORTION: Final = 500

_FILE: Final = {"type": "string", "format": "binary"}
_IMAGES_BODY: Final = {
    "required": True,
    "description": "Up to 64 images, one zip archive of images (Deflate or stored, no password), or both. Folders in "
    "the archive stay in the names.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    IMAGES_FIELD: {"type": "array", "items": _FILE, "minItems": 1, "maxItems": 64},
                    ARCHIVE_FIELD: _FILE,
                },
                "anyOf": [{"required": [IMAGES_FIELD]}, {"required": [ARCHIVE_FIELD]}],
            }
        }
    },
}
_CSV_ANSWER: Final = {"description": "One row a job", "content": {"text/csv": {"schema": {"type": "string"}}}}

_JSON_ANSWER: Final = {
    "description": "One array of jobs",
    "content": {JSON: {"schema": {"type": "array", "items": {"$ref": f"#/components/schemas/{JobDocument.__name__}"}}}},
}


class BatchPath(Parameters):
    """Path of one batch."""

    batch_id: str = Field(description="As the making of the batch answered it")


class IdempotencyHeader(Parameters):
    """Header of a request that may be repeated."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Any text of yours. The same key with the same body answers the first request again, for a day.",
    )


class NewBatchDocument(Body):
    """What a batch is made from."""

    name: str = Field(
        "", max_length=255, description="Shown to people", json_schema_extra={"example": "Photographs of Monday"}
    )
    webhook_url: WebhookUrl | None = Field(
        None,
        description="Told, by a signed POST, each time that all images submitted so far have ended",
        json_schema_extra={"example": "https://example.com/dentiq"},
    )


class AcceptedDocument(BaseModel):
    """An image that became a job."""

    id: str
    filename: str


class RejectedDocument(BaseModel):
    """An image that became none."""

    filename: str
    code: str
    message: str


class AdditionDocument(BaseModel):
    """What came of the images of a request, each list in the order of sending."""

    accepted: list[AcceptedDocument]
    rejected: list[RejectedDocument]


class JobPageQuery(Parameters):
    """Which part of a batch's jobs."""

    cursor: JsonInt = Field(0, ge=0, le=LAST_CURSOR, description="From the answer before; 0 is the beginning")
    limit: JsonInt = Field(100, ge=1, le=_PORTION)


class JobPageDocument(BaseModel):
    """A part of a batch's jobs, in the order of submission."""

    jobs: list[JobDocument]
    next_cursor: int | None = Field(description="Where to go on; null at the end of what was submitted so far")


@batches.post("", operation_id="make_batch", responses={201: BatchDocument, **problems(400, 415, 422, 503)})
def make(header: IdempotencyHeader, body: NewBatchDocument) -> Response:
    """Make an empty batch. `Location` names it."""
    found = services()
    name = clean_filename(body.name, fallback="")
    receiver = webhook_for(body.webhook_url, found.settings)
    document = batch_document(
        found.batches.create(
            new_job_id(),
            name=name,
            life_seconds=found.settings.batch_life_seconds,
            idempotency=_idempotency(header.idempotency_key, name, body.webhook_url, found),
            webhook_url=receiver,
        )
    )
    response = Response(document.model_dump_json(), status=201, content_type=JSON)
    response.headers["Location"] = document.links.self
    return response


@batches.post(
    "/<batch_id>/images",
    operation_id="add_images",
    responses={202: AdditionDocument, **problems(400, 404, 408, 409, 413, 422, 503, 507)},
    openapi_extensions={"requestBody": _IMAGES_BODY},
)
def add_images(path: BatchPath, header: IdempotencyHeader) -> Response:
    """Add images to a batch.

    The status 202 means that every accepted image and its job are stored. A rejected one says why and costs the others
    nothing. After a 503 the same request under the same key completes what had begun.
    """
    found = services()
    found.batches.get(path.batch_id)
    uploads = read_uploads(request, found.settings)
    refuse_unknown_fields(IMAGES_FIELD, ARCHIVE_FIELD)
    addition = found.batch_submissions.add(path.batch_id, uploads, idempotency_key=header.idempotency_key)
    document = AdditionDocument(
        accepted=[AcceptedDocument(id=image.id, filename=image.filename) for image in addition.accepted],
        rejected=[RejectedDocument(**vars(image)) for image in addition.rejected],
    )
    response = Response(document.model_dump_json(), status=202, content_type=JSON)
    response.headers["Location"] = batch_links(path.batch_id).self
    return response


@batches.get("/<batch_id>", operation_id="read_batch", responses={200: BatchDocument, 304: None, **problems(404, 503)})
def read(path: BatchPath) -> Response:
    """Read a batch's counts, rate and time left; as fast for a million jobs as for one."""
    body = batch_document(services().batches.get(path.batch_id)).model_dump_json().encode()
    return conditional(Response(body, content_type=JSON), etag=sha256(body).hexdigest()[:32])


@batches.get(
    "/<batch_id>/jobs", operation_id="list_batch_jobs", responses={200: JobPageDocument, **problems(404, 422, 503)}
)
def list_jobs(path: BatchPath, query: JobPageQuery) -> Response:
    """List a part of a batch's jobs."""
    found = services()
    found.batches.get(path.batch_id)
    ids = found.batches.job_ids(path.batch_id, first=query.cursor, count=query.limit)
    jobs = [job_document(job) for job in found.store.read_many(ids) if job is not None]
    following = query.cursor + len(ids) if len(ids) == query.limit else None
    return Response(JobPageDocument(jobs=jobs, next_cursor=following).model_dump_json(), content_type=JSON)


@batches.get("/<batch_id>/results.csv", operation_id="export_csv", responses={200: _CSV_ANSWER, **problems(404, 503)})
def export_csv(path: BatchPath) -> Response:
    """Export all jobs as a table: UTF-8, one row a job; after the fixed columns one a label, then `correction`."""
    found = services()
    batch = found.batches.get(path.batch_id)
    lines = csv_lines(_portions(found, path.batch_id), labels=found.store.known_labels())
    return _download(lines, name=f"dentiq-{batch.id}.csv", content_type="text/csv; charset=utf-8")


@batches.get(
    "/<batch_id>/results.json", operation_id="export_json", responses={200: _JSON_ANSWER, **problems(404, 503)}
)
def export_json(path: BatchPath) -> Response:
    """Export all jobs as one JSON array."""
    found = services()
    batch = found.batches.get(path.batch_id)
    return _download(_json_array(_portions(found, path.batch_id)), name=f"dentiq-{batch.id}.json", content_type=JSON)


@batches.post(
    "/<batch_id>/cancel", operation_id="cancel_batch", responses={200: BatchDocument, **problems(404, 422, 503)}
)
def cancel(path: BatchPath, header: IdempotencyHeader) -> Response:
    """Take no more images and cancel what has not ended; results so far stay. Doing it again changes nothing."""
    del header  # a repetition is safe by itself, under a key or without one
    found = services()
    found.batches.close(path.batch_id, Closing.CANCELLED)
    return Response(batch_document(found.batches.get(path.batch_id)).model_dump_json(), content_type=JSON)


@batches.delete("/<batch_id>", operation_id="erase_batch", responses={204: None, **problems(404, 503)})
def erase(path: BatchPath) -> Response:
    """Cancel what has not ended and erase the batch, its jobs and their images; the images follow within seconds."""
    services().batches.close(path.batch_id, Closing.ERASED)
    return empty()


def _portions(found: Services, batch_id: str) -> Iterator[list[Job]]:
    for first in count(0, _PORTION):
        ids = found.batches.job_ids(batch_id, first=first, count=_PORTION)
        yield [job for job in found.store.read_many(ids) if job is not None]
        if len(ids) < _PORTION:
            return


def _json_array(portions: Iterator[list[Job]]) -> Iterator[str]:
    opening = "["
    for portion in portions:
        if portion:
            yield opening + ",".join(job_document(job).model_dump_json() for job in portion)
            opening = ","
    yield "[]" if opening == "[" else "]"


def _download(body: Iterator[str], *, name: str, content_type: str) -> Response:
    response = Response(body, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _idempotency(key: str | None, name: str, webhook_url: str | None, found: Services) -> IdempotencyKey | None:
    if not key:
        return None
    return IdempotencyKey(
        idempotency_name(key, "batches"),
        sha256("\0".join([name, *filter(None, [webhook_url])]).encode()).hexdigest(),
        life_seconds=found.settings.idempotency_hours * 3600,
    )
