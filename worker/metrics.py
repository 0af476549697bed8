"""The worker's metrics: observed in its pool processes, shown over HTTP by their parent."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, start_http_server
from structlog import get_logger

from common import metrics as table
from common.jobs.record import Claim, Failure, Success
from common.process_metrics import ProcessMetrics
from common.queues import QueueName
from common.shared_metrics import FOLDER_VARIABLE, SharedMetrics, forget_earlier_life

log = get_logger(__name__)

_PART: Final = "worker"


class WorkerMetrics:
    """What one pool process observes.

    Counts of jobs, labels and outcomes are not here: the job store keeps them, exactly, and web shows them.

    Args:
        registry: Where they can be read in this process; the shared files need none.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._queue_wait = table.histogram(table.QUEUE_WAIT_SECONDS, registry)
        self._decode = table.histogram(table.DECODE_SECONDS, registry)
        self._inference = table.histogram(table.INFERENCE_SECONDS, registry)
        self._end_to_end = table.histogram(table.END_TO_END_SECONDS, registry)
        self._chunk_images = table.histogram(table.CHUNK_IMAGES, registry)
        self._confidence = table.histogram(table.CONFIDENCE, registry)
        self._load = table.histogram(table.MODEL_LOAD_SECONDS, registry)
        self._refused = table.counter(table.RESULTS_REFUSED, registry)
        self._shadow_failures = table.counter(table.SHADOW_FAILURES, registry)
        self._sweeps = table.counter(table.SWEEPS, registry)
        self._models = table.living_gauge(table.MODELS_HELD, registry)
        self._runtime = {"runtime": "none", "device": "none"}
        # Shown from zero: a first count that comes from nothing is no increase to Prometheus.
        for queue in QueueName:
            for by_queue in (self._queue_wait, self._end_to_end, self._chunk_images):
                by_queue.labels(queue.value)

    def model_loaded(self, *, version: str, runtime: str, device: str, seconds: float) -> None:
        """Note a loaded model, which does the work from here on."""
        self._runtime = {"runtime": runtime, "device": device}
        self._load.labels(version).observe(seconds)
        self._models.set(1)
        self._inference.labels(**self._runtime)
        self._confidence.labels(version)

    def chunk_claimed(self, claims: Sequence[Claim]) -> None:
        """Note the size of a chunk."""
        if claims:
            self._chunk_images.labels(claims[0].queue.value).observe(len(claims))

    def reported(self, reports: Sequence[Success | Failure], written: Sequence[bool], *, worked_seconds: float) -> None:
        """Note what was written of a chunk, and what was refused.

        Args:
            reports: The results and failures of the chunk.
            written: Whether each of them counts.
            worked_seconds: Time from the claim to the written report.
        """
        for report, counts in zip(reports, written, strict=True):
            if not counts:
                self._refused.inc()
                continue
            queue, waited = report.claim.queue.value, report.claim.queue_seconds
            self._queue_wait.labels(queue).observe(waited)
            self._end_to_end.labels(queue).observe(waited + worked_seconds)
            if isinstance(report, Success):
                self._decode.observe(report.decode_seconds)
                self._inference.labels(**self._runtime).observe(report.inference_seconds)
                self._confidence.labels(report.model_version).observe(max(report.probabilities))

    def shadow_loaded(self, *, version: str, seconds: float) -> None:
        """Note a shadow version that was loaded beside the one that serves."""
        self._load.labels(version).observe(seconds)
        # From zero, as above.
        self._shadow_failures.labels(version)

    def shadow_failed(self, version: str) -> None:
        """Note a job that a shadow version could not answer."""
        self._shadow_failures.labels(version).inc()

    def swept(self) -> None:
        """Note a run of the sweeper that went through."""
        self._sweeps.inc()


class MetricsEndpoint:
    """Show the metrics of a worker's processes on a port of their parent.

    Args:
        bind: Address to listen on.
        port: 0 for none.
    """

    def __init__(self, bind: str, port: int) -> None:
        self._bind = bind
        self._port = port
        self._server: Any = None

    def prepare(self) -> None:
        """Empty the shared folder of an earlier life, before the pool starts."""
        if folder := os.environ.get(FOLDER_VARIABLE):
            forget_earlier_life(Path(folder))

    def open(self) -> None:
        """Listen, from the parent; what keeps it from listening is logged, since work matters more."""
        folder = os.environ.get(FOLDER_VARIABLE)
        if not self._port:
            return
        if not folder:
            log.warning("metrics_not_shown", reason=f"{FOLDER_VARIABLE} names no folder that the pool could share")
            return
        registry = CollectorRegistry(auto_describe=False)
        registry.register(SharedMetrics(Path(folder)))
        registry.register(ProcessMetrics(_PART, parent=os.getpid()))
        try:
            self._server, _ = start_http_server(self._port, addr=self._bind, registry=registry)
        except OSError as error:
            log.warning("metrics_not_shown", port=self._port, reason=str(error))

    def forget_in_child(self) -> None:
        """Close the inherited socket in a pool process that was forked while its parent listened."""
        if self._server is not None:
            self._server.socket.close()
            self._server = None

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
