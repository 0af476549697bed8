"""The job store as Prometheus sees it: read at each scrape, exact for the whole platform, older than any process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common import metrics as table
from common.errors import (
    DentiqError,
    ImageCorruptError,
    ImageTooComplexError,
    ImageTruncatedError,
    InferenceError,
    JobError,
    JobStoreUnavailableError,
    PoisonJobError,
    StorageUnavailableError,
    StoredImageMissingError,
)
from common.jobs.deliveries import DeliveryState
from common.jobs.overview import Overview, Overviews
from common.jobs.record import JobStatus, Outcome, Verdict
from common.jobs.shadows import label_pairs
from common.jobs.workers import WorkerRegister
from common.queues import QueueName

# What an accepted job can end with.
_JOB_ENDS: Final[tuple[type[DentiqError], ...]] = (
    ImageCorruptError,
    ImageTooComplexError,
    ImageTruncatedError,
    InferenceError,
    JobError,
    PoisonJobError,
    StorageUnavailableError,
    StoredImageMissingError,
)


class JobStoreMetrics(Collector):
    """Read the job store at each scrape; when Redis is away, only `dentiq_job_store_up 0` remains.

    Args:
        overviews: Looks at the job store as a whole.
        workers: The register of workers.
        labels: Gives the labels that can be counted from now on, by model version.
    """

    def __init__(
        self,
        overviews: Overviews,
        workers: WorkerRegister,
        labels: Callable[[], Mapping[str, Sequence[str]]],
    ) -> None:
        self._overviews = overviews
        self._workers = workers
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        """Read everything, or say that it cannot be read."""
        try:
            seen = self._overviews.read()
            families = [*_waiting(seen), *_totals(seen.counts, self._labels()), self._live_workers()]
        except JobStoreUnavailableError:
            yield _gauge(table.JOB_STORE_UP, 0)
            return
        yield _gauge(table.JOB_STORE_UP, 1)
        yield from families

    def _live_workers(self) -> Metric:
        family = GaugeMetricFamily(table.WORKERS.name, table.WORKERS.help, labels=table.WORKERS.labels)
        kinds: dict[tuple[str, str, str], int] = {}
        for worker in self._workers.alive():
            kind = (worker.model_version, worker.runtime, worker.device)
            kinds[kind] = kinds.get(kind, 0) + 1
        for kind, number in kinds.items():
            family.add_metric(kind, number)
        return family


def _waiting(seen: Overview) -> Iterator[Metric]:
    yield _by_queue(table.QUEUE_DEPTH, seen.depth)
    yield _by_queue(table.QUEUE_OLDEST_SECONDS, seen.oldest_seconds)
    yield _gauge(table.JOBS_RUNNING, seen.running)
    yield _gauge(table.JOBS_DELAYED, seen.delayed)
    yield _gauge(table.WEBHOOKS_PENDING, seen.webhooks_pending)
    yield _gauge(table.WEBHOOKS_OVERDUE_SECONDS, seen.webhooks_overdue_seconds)


def _totals(counts: Mapping[str, int], labels: Mapping[str, Sequence[str]]) -> Iterator[Metric]:
    """Show the store's totals, whose names are a kind followed by its labels (see `common.jobs.keys.COUNTS`).

    What has not been counted yet shows nothing, and a first count that comes from nothing is no increase to
    Prometheus: what rules look at is shown from zero.
    """
    terminal = [status.value for status in JobStatus if status.is_terminal]
    yield _counter(table.JOBS_SUBMITTED, {(): counts.get("submitted", 0)})
    yield _counter(table.JOBS_FINISHED, {(status,): counts.get(status, 0) for status in terminal})
    yield _counter(table.JOBS_POSTPONED, {(): counts.get("postponed", 0)})
    yield _counter(table.LEASES_EXPIRED, {(): counts.get("lease_expired", 0)})
    yield _counter(table.JOB_ERRORS, {(error.code,): 0 for error in _JOB_ENDS} | _of_kind(counts, "error"))
    yield _counter(table.WEBHOOKS, {(state.value,): 0 for state in DeliveryState} | _of_kind(counts, "webhook"))
    outcomes = {(version, outcome.value): 0 for version in labels for outcome in Outcome}
    yield _counter(table.OUTCOMES, outcomes | _of_kind(counts, "outcome"))
    predicted = {(version, label): 0 for version, names in labels.items() for label in names}
    yield _counter(table.PREDICTED_LABELS, predicted | _of_kind(counts, "label"))
    corrections = {(version, verdict.value): 0 for version in labels for verdict in Verdict}
    yield _counter(table.CORRECTIONS, corrections | _of_kind(counts, "correction"))
    yield _counter(table.SHADOW_ANSWERS, _shadow_answers(counts))


def _shadow_answers(counts: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    totals: dict[tuple[str, ...], int] = {}
    for pair, count in label_pairs(counts).items():
        # Both from zero as soon as there is one: a share of agreement needs the two of them.
        for agreement in ("same", "other"):
            totals.setdefault((pair.served, pair.shadow, pair.said, agreement), 0)
        totals[pair.served, pair.shadow, pair.said, "same" if pair.said == pair.shadow_said else "other"] += count
    return totals


def _of_kind(counts: Mapping[str, int], kind: str) -> dict[tuple[str, ...], int]:
    split = ((name.split(" "), count) for name, count in counts.items())
    return {tuple(words[1:]): count for words, count in split if words[0] == kind}


def _counter(metric: table.Metric, values: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _by_queue(metric: table.Metric, values: Mapping[QueueName, float]) -> Metric:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for queue, value in values.items():
        family.add_metric([queue.value], value)
    return family


def _gauge(metric: table.Metric, value: float) -> Metric:
    return GaugeMetricFamily(metric.name, metric.help, value=value)
