"""The metrics that web serves: its own requests, summed over its processes, and the job store as it stands."""

import os
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from common import metrics as table
from common.errors import JobStoreUnavailableError
from common.jobs.record import JobStatus
from common.jobs.store import JobStore
from common.jobs.workers import WorkerRegister
from common.queues import QueueName

# The Prometheus client reads this variable by itself when it is first imported, and from then on keeps every counter in
# files that the processes of one server share. gunicorn's configuration sets it before any of our code is imported; set
# later it would make each process count alone, and each scrape would show another process.
_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class WebMetrics:
    """Count requests and show everything to Prometheus."""

    def __init__(self, store: JobStore, workers: WorkerRegister) -> None:
        self._own = CollectorRegistry()
        self._job_store = _JobStoreCollector(store, workers)
        self._requests = table.counter(table.HTTP_REQUESTS, self._own)
        self._seconds = table.histogram(table.HTTP_REQUEST_SECONDS, self._own)
        self.hints_unsent = table.counter(table.HINTS_UNSENT, self._own)

    def count_request(self, *, route: str, method: str, code: int, seconds: float) -> None:
        """Count one answered request under its route template."""
        self._requests.labels(route=route, method=method, code=str(code)).inc()
        self._seconds.labels(route=route, method=method).observe(seconds)

    def render(self) -> bytes:
        """Write all metrics in Prometheus's text format."""
        return generate_latest(self._processes()) + generate_latest(self._platform())

    def _processes(self) -> CollectorRegistry:
        if _SHARED_FOLDER not in os.environ:
            return self._own
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return shared

    def _platform(self) -> CollectorRegistry:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self._job_store)
        return registry


class _JobStoreCollector(Collector):
    """Read the job store at each scrape; when Redis is away, only `dentiq_job_store_up 0` remains."""

    def __init__(self, store: JobStore, workers: WorkerRegister) -> None:
        self._store = store
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        try:
            families = [*self._waiting(), *_totals(self._store.counts()), self._live_workers()]
        except JobStoreUnavailableError:
            yield _gauge(table.JOB_STORE_UP, 0)
            return
        yield _gauge(table.JOB_STORE_UP, 1)
        yield from families

    def _waiting(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(table.QUEUE_DEPTH.name, table.QUEUE_DEPTH.help, labels=table.QUEUE_DEPTH.labels)
        oldest = GaugeMetricFamily(
            table.QUEUE_OLDEST_SECONDS.name, table.QUEUE_OLDEST_SECONDS.help, labels=table.QUEUE_OLDEST_SECONDS.labels
        )
        for queue in QueueName:
            depth.add_metric([queue.value], self._store.depth(queue))
            oldest.add_metric([queue.value], self._store.oldest_seconds(queue))
        yield depth
        yield oldest
        yield _gauge(table.JOBS_RUNNING, self._store.running())

    def _live_workers(self) -> Metric:
        family = GaugeMetricFamily(table.WORKERS.name, table.WORKERS.help, labels=table.WORKERS.labels)
        kinds: dict[tuple[str, str, str], int] = {}
        for worker in self._workers.alive():
            kind = (worker.model_version, worker.runtime, worker.device)
            kinds[kind] = kinds.get(kind, 0) + 1
        for kind, number in kinds.items():
            family.add_metric(kind, number)
        return family


def _totals(counts: Mapping[str, int]) -> Iterator[Metric]:
    """Show the store's totals, whose names are a kind followed by its labels (see `common.jobs.keys.COUNTS`)."""
    terminal = [status.value for status in JobStatus if status.is_terminal]
    yield _counter(table.JOBS_SUBMITTED, {(): counts.get("submitted", 0)})
    yield _counter(table.JOBS_FINISHED, {(status,): counts.get(status, 0) for status in terminal})
    yield _counter(table.JOBS_POSTPONED, {(): counts.get("postponed", 0)})
    yield _counter(table.LEASES_EXPIRED, {(): counts.get("lease_expired", 0)})
    yield _counter(table.JOB_ERRORS, _of_kind(counts, "error"))
    yield _counter(table.OUTCOMES, _of_kind(counts, "outcome"))
    yield _counter(table.PREDICTED_LABELS, _of_kind(counts, "label"))


def _of_kind(counts: Mapping[str, int], kind: str) -> dict[tuple[str, ...], int]:
    split = ((name.split(" "), count) for name, count in counts.items())
    return {tuple(words[1:]): count for words, count in split if words[0] == kind}


def _counter(metric: table.Metric, values: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _gauge(metric: table.Metric, value: float) -> Metric:
    return GaugeMetricFamily(metric.name, metric.help, value=value)
