"""What machines ask the web server about itself: alive, ready, metrics."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, Field

from web.api.answers import JSON, problems
from web.problems import Fault, problem_response
from web.services import services

health = APIBlueprint("health", __name__, abp_tags=[Tag(name="operation", description="For machines that watch")])


class HealthDocument(BaseModel):
    """State of the web server."""

    status: str = Field(json_schema_extra={"example": "alive"})


@health.get("/healthz", operation_id="healthz", responses={200: HealthDocument})
def healthz() -> Response:
    """Tell that this process answers; it looks at nothing else."""
    return Response(HealthDocument(status="alive").model_dump_json(), content_type=JSON)


@health.get("/readyz", operation_id="readyz", responses={200: HealthDocument, **problems(503)})
def readyz() -> Response:
    """Tell whether images are taken and classified: Redis answers and is durable, a worker holds a model."""
    missing = services().readiness.missing()
    if not missing:
        return Response(HealthDocument(status="ready").model_dump_json(), content_type=JSON)
    return problem_response(Fault(503, "not_ready", "Not ready", " ".join(missing)), missing=missing)


@health.get(
    "/metrics",
    operation_id="metrics",
    responses={200: {"description": "Prometheus text format", "content": {"text/plain": {}}}},
)
def metrics() -> Response:
    """Show the metrics of the web processes and of the job store."""
    return Response(services().metrics.render(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
