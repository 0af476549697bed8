"""The webhooks of the API: what was sent of a job or a batch, and what its receiver answered."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from common.jobs.deliveries import Delivery, DeliveryState
from web.api.answers import JSON, problems
from web.api.batches import BatchPath
from web.api.jobs import JobPath
from web.representation import API_PREFIX, Instant
from web.services import services

deliveries = APIBlueprint(
    "deliveries",
    __name__,
    url_prefix=API_PREFIX,
    abp_tags=[Tag(name="webhooks", description="Messages to a server of yours when a job or batch has ended")],
)


class AttemptErrorDocument(BaseModel):
    """Why an attempt got no answer."""

    code: str = Field(description="Stable slug", json_schema_extra={"example": "webhook_timeout"})
    message: str


class AttemptDocument(BaseModel):
    """One attempt to send a webhook."""

    at: str = Field(description="When it began", json_schema_extra={"format": "date-time"})
    seconds: float
    status_code: int | None = Field(description="What the receiver answered; null where it did not")
    error: AttemptErrorDocument | None


class DeliveryDocument(BaseModel):
    """One webhook."""

    id: str = Field(description="Header `webhook-id` of each of its attempts")
    receiver: str = Field(description="Scheme and host; the rest of the address may be a secret")
    state: DeliveryState
    created_at: Instant = Field(description="When what it tells of ended")
    next_attempt_at: Instant | None = Field(description="Null once it is delivered or given up")
    attempts: list[AttemptDocument]


class DeliveriesDocument(BaseModel):
    """The webhooks of a job or batch, oldest first."""

    deliveries: list[DeliveryDocument]


@deliveries.get(
    "/jobs/<job_id>/deliveries",
    operation_id="list_job_deliveries",
    responses={200: DeliveriesDocument, **problems(404, 503)},
)
def of_job(path: JobPath) -> Response:
    """List the webhooks of a single job: one once it has ended, none where no `webhook_url` was given."""
    found = services()
    found.store.get(path.job_id)
    return _answer(found.deliveries.of_job(path.job_id))


@deliveries.get(
    "/batches/<batch_id>/deliveries",
    operation_id="list_batch_deliveries",
    responses={200: DeliveriesDocument, **problems(404, 503)},
)
def of_batch(path: BatchPath) -> Response:
    """List the latest hundred webhooks of a batch: one for each time that all its jobs had ended."""
    found = services()
    found.batches.get(path.batch_id)
    return _answer(found.deliveries.of_batch(path.batch_id))


def _answer(listed: Sequence[Delivery]) -> Response:
    document = DeliveriesDocument(deliveries=[_document(delivery) for delivery in listed])
    return Response(document.model_dump_json(), content_type=JSON)


def _document(delivery: Delivery) -> DeliveryDocument:
    address = urlsplit(delivery.url)
    return DeliveryDocument(
        id=delivery.id,
        receiver=f"{address.scheme}://{address.netloc}",
        state=delivery.state,
        created_at=delivery.event.ended_at,
        next_attempt_at=delivery.next_attempt_at,
        attempts=[
            AttemptDocument(
                at=attempt.at,
                seconds=attempt.seconds,
                status_code=attempt.status_code,
                error=AttemptErrorDocument(code=attempt.error_code, message=attempt.error or "")
                if attempt.error_code
                else None,
            )
            for attempt in delivery.attempts
        ],
    )
