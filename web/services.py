"""What the routes work with: one set of connections a process, made from the settings and found through the app."""

from dataclasses import dataclass

from flask import Flask, current_app

from common.api_keys import KeyFile
from common.jobs.batch_ranks import BatchRanks
from common.jobs.batches import BatchStore
from common.jobs.corrections import CorrectionRegister
from common.jobs.deliveries import DeliveryStore
from common.jobs.explanations import ExplanationRegister
from common.jobs.finished import FinishedJobs
from common.jobs.overview import Overviews
from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister
from common.key_uses import KeyUses
from common.model_store import ModelStore
from common.redis_client import connect
from common.remote_models import open_model_store
from common.settings import Settings
from common.storage import Storage
from web.access.guard import Guard
from web.access.rates import Rates
from web.access.sessions import Sessions
from web.batch_submissions import BatchSubmissions
from web.explanations import Explanations
from web.inspection import Inspector
from web.metrics import WebMetrics
from web.pathology_texts import PathologyTexts
from web.previews import Previews
from web.publisher import Publisher
from web.readiness import Readiness
from web.submissions import Submissions
from web.waiting import LongPolls

_EXTENSION = "dentiq"


@dataclass(frozen=True)
class Services:
    """Everything that a request may need."""

    settings: Settings
    store: JobStore
    overviews: Overviews
    storage: Storage
    workers: WorkerRegister
    models: ModelStore
    texts: PathologyTexts
    batches: BatchStore
    batch_ranks: BatchRanks
    deliveries: DeliveryStore
    corrections: CorrectionRegister
    submissions: Submissions
    batch_submissions: BatchSubmissions
    previews: Previews
    explanations: Explanations
    long_polls: LongPolls
    readiness: Readiness
    metrics: WebMetrics
    guard: Guard


def build_services(settings: Settings) -> Services:
    """Connect the parts; nothing is sent to Redis yet."""
    client = connect(
        settings.effective_job_store_url,
        timeout_seconds=settings.redis_timeout_seconds,
        max_connections=settings.redis_max_connections,
    )
    store = JobStore(client)
    storage = Storage(settings.effective_storage_url, fsync=settings.storage_fsync, s3=settings.s3)
    workers = WorkerRegister(client)
    models = open_model_store(settings.model_store_location, settings.s3, copies=settings.data_dir / "models")
    overviews = Overviews(client)
    metrics = WebMetrics(overviews, workers, models)
    publisher = Publisher(settings.effective_redis_url, pool_size=settings.web_threads, unsent=metrics.hints_unsent)
    long_polls = LongPolls(
        store,
        FinishedJobs(client, store),
        # At least a quarter of the threads stays free for requests that do not wait.
        slots=max(1, settings.web_threads * 3 // 4),
        max_seconds=settings.max_wait_seconds,
    )
    inspector = Inspector(settings.image_limits, metrics)
    rates = Rates(
        settings.effective_job_store_url,
        metrics,
        per_key=settings.key_requests_per_minute,
        per_address=settings.address_requests_per_minute,
        max_connections=settings.web_threads,
    )
    keys = KeyFile(settings.effective_keys_file)
    return Services(
        settings=settings,
        store=store,
        overviews=overviews,
        storage=storage,
        workers=workers,
        models=models,
        texts=PathologyTexts(models),
        batches=BatchStore(client),
        batch_ranks=BatchRanks(client),
        deliveries=DeliveryStore(client),
        corrections=CorrectionRegister(client, store),
        batch_submissions=BatchSubmissions(settings, store, storage, publisher, inspector),
        submissions=Submissions(settings, store, storage, publisher, inspector),
        previews=Previews(store, storage, grace_seconds=settings.upload_grace_seconds),
        long_polls=long_polls,
        explanations=Explanations(ExplanationRegister(client), storage, publisher, long_polls),
        readiness=Readiness(client, workers),
        metrics=metrics,
        guard=Guard(settings, keys, Sessions(client), KeyUses(client), rates, metrics),
    )


def attach_services(app: Flask, services: Services) -> None:
    """Let the routes of an app find its services."""
    app.extensions[_EXTENSION] = services


def services() -> Services:
    """Find the services of the app that handles the current request."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Services)  # noqa: S101  attach_services is the only writer; this tells the type checker
    return found
