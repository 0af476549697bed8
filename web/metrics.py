"""The metrics that web serves: its own requests, summed over its processes, and both stores as they stand."""

import os
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest

from common import metrics as table
from common.jobs.overview import Overviews
from common.jobs.workers import WorkerRegister
from common.metrics_text import text_of
from common.model_store import ModelStore
from common.process_metrics import ProcessMetrics
from common.shared_metrics import FOLDER_VARIABLE, SharedMetrics
from web.job_store_metrics import JobStoreMetrics
from web.model_metrics import ModelMetrics

_PART: Final = "web"

# Asked every few seconds by machines. A platform that starts answers 503 to them: that is their meaning, and no fault.
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})

_SERVER_FAULT: Final = 500

# What becomes of an image that arrives, by whether its bytes are found good.
_VERDICTS: Final = ("refused", "accepted")

# Who is counted, and why a key does not open (see web.access.guard).
_COUNTED: Final = ("address", "key")
_REFUSALS: Final = ("key_invalid", "key_missing", "scope_missing")


class WebMetrics:
    """Count requests and show everything to Prometheus."""

    def __init__(self, overviews: Overviews, workers: WorkerRegister, models: ModelStore) -> None:
        self._own = CollectorRegistry()
        self._models = ModelMetrics(models)
        self._job_store = JobStoreMetrics(overviews, workers, self._models.current_labels)
        self._requests = table.counter(table.HTTP_REQUESTS, self._own)
        self._seconds = table.histogram(table.HTTP_REQUEST_SECONDS, self._own)
        self._failures = table.counter(table.HTTP_FAILURES, self._own)
        self._receive_seconds = table.histogram(table.HTTP_RECEIVE_SECONDS, self._own)
        self._uploads = table.counter(table.UPLOADS, self._own)
        self._upload_bytes = table.counter(table.UPLOAD_BYTES, self._own)
        for verdict in _VERDICTS:
            self._uploads.labels(verdict)
        self.hints_unsent = table.counter(table.HINTS_UNSENT, self._own)
        self._limited = table.counter(table.REQUESTS_LIMITED, self._own)
        self._refused = table.counter(table.REQUESTS_REFUSED, self._own)
        for by in _COUNTED:
            self._limited.labels(by)
        for reason in _REFUSALS:
            self._refused.labels(reason)

    def count_request(self, *, route: str, method: str, code: int, seconds: float) -> None:
        """Count one answered request under its route template."""
        self._requests.labels(route=route, method=method, code=str(code)).inc()
        self._seconds.labels(route=route, method=method).observe(seconds)
        if code >= _SERVER_FAULT and route not in _PROBES:
            self._failures.inc()

    def count_body(self, *, route: str, seconds: float) -> None:
        """Count the time that a request waited for its body."""
        self._receive_seconds.labels(route).observe(seconds)

    def count_limited(self, *, by: str) -> None:
        """Count a request that came too often."""
        self._limited.labels(by).inc()

    def count_refused(self, *, reason: str) -> None:
        """Count a request whose key was missing, wrong or not good for it."""
        self._refused.labels(reason).inc()

    def count_upload(self, *, size: int, accepted: bool) -> None:
        """Count an image that arrived, by whether its bytes were found good."""
        self._uploads.labels(_VERDICTS[accepted]).inc()
        self._upload_bytes.inc(size)

    def render(self) -> bytes:
        """Write all metrics in Prometheus's text format."""
        folder = os.environ.get(FOLDER_VARIABLE)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self._job_store)
        registry.register(self._models)
        if folder is None:
            registry.register(ProcessMetrics(_PART, parent=os.getpid()))
            return generate_latest(self._own) + text_of(registry)
        registry.register(SharedMetrics(Path(folder)))
        # The parent of every process of gunicorn is its arbiter.
        registry.register(ProcessMetrics(_PART, parent=os.getppid()))
        return text_of(registry)
