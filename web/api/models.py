"""The model versions of the API: what the model store holds and what workers serve."""

from datetime import datetime
from hashlib import sha256

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from common.errors import ModelError
from common.jobs.record import WorkerInfo
from common.model_store import ModelStore
from web.api.answers import JSON, problems
from web.representation import API_PREFIX, Instant
from web.services import services

models = APIBlueprint(
    "models", __name__, url_prefix=f"{API_PREFIX}/models", abp_tags=[Tag(name="models", description="Model versions")]
)


class ModelDocument(BaseModel):
    """One model version."""

    version: str
    current: bool = Field(description="Whether new results come from it")
    labels: list[str] = Field(description="Slugs, in the order of the network's outputs")
    architecture: str
    created_at: Instant
    workers: int = Field(description="Live worker processes that hold it")


class WorkerDocument(BaseModel):
    """One live worker process."""

    name: str = Field(description="Tells it from the others; it says nothing of the machine")
    model_version: str
    runtime: str
    device: str


class ModelsDocument(BaseModel):
    """The model store and the workers."""

    models: list[ModelDocument]
    workers: list[WorkerDocument]


@models.get("", operation_id="list_models", responses={200: ModelsDocument, **problems(503)})
def list_models() -> Response:
    """List the model versions and the live workers."""
    alive = services().workers.alive()
    document = ModelsDocument(
        models=_versions(services().models, alive),
        workers=[
            WorkerDocument(name=_anonymous(w.name), model_version=w.model_version, runtime=w.runtime, device=w.device)
            for w in alive
        ],
    )
    return Response(document.model_dump_json(), content_type=JSON)


def _anonymous(worker: str) -> str:
    # A worker calls itself by its host and process number, which strangers need not know.
    return sha256(worker.encode()).hexdigest()[:12]


def _versions(store: ModelStore, alive: list[WorkerInfo]) -> list[ModelDocument]:
    """Describe every version that can be read; a damaged one serves nobody and is left out."""
    try:
        current = store.current()
    except ModelError:
        current = ""
    documents = []
    for version in store.versions():
        try:
            manifest = store.manifest(version)
        except ModelError:
            continue
        created: datetime = manifest.created_at
        documents.append(
            ModelDocument(
                version=version,
                current=version == current,
                labels=list(manifest.labels),
                architecture=manifest.architecture,
                created_at=created,
                workers=sum(worker.model_version == version for worker in alive),
            )
        )
    return documents
