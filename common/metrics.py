"""The table of every metric: name, help, labels and buckets; nothing is registered until a process asks for it."""

from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram


@dataclass(frozen=True)
class Metric:
    """Describe one metric.

    Attributes:
        name: As Prometheus shows it; a counter ends in `_total`, others name their base unit where they have one.
        help: One sentence.
        labels: Names of labels, whose values come from closed sets.
        buckets: Upper bounds of a histogram, in the unit of its name.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# The target is an answer 10 to 60 ms after the bare inference, and inference takes 5 to 100 ms: fine steps there. A
# backlog makes seconds to hours: coarse steps up to an hour, beyond which only the age of the oldest job matters.
_JOB_SECONDS: Final = (
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.075,
    0.1,
    0.15,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    300,
    900,
    3600,
)

# One image: 4 ms (small, decoded at an eighth) to 0.2 s (12 megapixels whole); above 1 s something is wrong.
_DECODE_SECONDS: Final = (0.002, 0.004, 0.006, 0.01, 0.015, 0.025, 0.04, 0.065, 0.1, 0.2, 0.5, 1)

# One image's share of a forward pass: below 1 ms on a GPU, 5 to 15 ms on a CPU runtime, 40 ms in eager torch.
_INFERENCE_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1)

# Reading a job takes 1 to 5 ms, a submission 5 to 50 ms by the size of its file; a disk that is busy takes a second.
_HTTP_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# Web: counted by each of its processes
HTTP_REQUESTS: Final = Metric(
    "dentiq_http_requests_total", "HTTP requests answered.", labels=("route", "method", "code")
)
HTTP_REQUEST_SECONDS: Final = Metric(
    "dentiq_http_request_duration_seconds",
    "Time to answer an HTTP request, without the time that a long poll chose to wait.",
    labels=("route", "method"),
    buckets=_HTTP_SECONDS,
)
HINTS_UNSENT: Final = Metric(
    "dentiq_hints_unsent_total", "Work hints that the broker did not take; the sweeper makes up for them."
)

# Web: read from the job store at each scrape, so that they hold for the whole platform and survive every restart
JOB_STORE_UP: Final = Metric("dentiq_job_store_up", "Whether the job store answered this scrape.")
JOBS_SUBMITTED: Final = Metric("dentiq_jobs_submitted_total", "Jobs accepted.")
JOBS_FINISHED: Final = Metric("dentiq_jobs_finished_total", "Jobs that reached a terminal status.", labels=("status",))
JOBS_RUNNING: Final = Metric("dentiq_jobs_running", "Jobs that workers hold.")
JOB_ERRORS: Final = Metric("dentiq_job_errors_total", "Jobs that failed, by error code.", labels=("code",))
JOBS_POSTPONED: Final = Metric("dentiq_jobs_postponed_total", "Attempts that ended in a fault that can pass.")
LEASES_EXPIRED: Final = Metric("dentiq_leases_expired_total", "Jobs taken back from a worker that fell silent.")
OUTCOMES: Final = Metric(
    "dentiq_outcomes_total", "Results by outcome: answered, uncertain, not_dental.", labels=("model_version", "outcome")
)
PREDICTED_LABELS: Final = Metric(
    "dentiq_predicted_labels_total", "Results by their most probable label.", labels=("model_version", "label")
)
QUEUE_DEPTH: Final = Metric("dentiq_queue_depth", "Jobs that wait in a queue.", labels=("queue",))
QUEUE_OLDEST_SECONDS: Final = Metric(
    "dentiq_queue_oldest_age_seconds", "Time that the oldest waiting job of a queue has waited.", labels=("queue",)
)
WORKERS: Final = Metric(
    "dentiq_workers", "Live worker processes that hold a model.", labels=("model_version", "runtime", "device")
)

# Worker: observed once for each job, where its result is written
QUEUE_WAIT_SECONDS: Final = Metric(
    "dentiq_queue_wait_seconds", "Time from submission to a claim.", labels=("queue",), buckets=_JOB_SECONDS
)
DECODE_SECONDS: Final = Metric(
    "dentiq_decode_duration_seconds", "Time to read, decode and preprocess one image.", buckets=_DECODE_SECONDS
)
INFERENCE_SECONDS: Final = Metric(
    "dentiq_inference_duration_seconds",
    "One image's share of its chunk's forward pass.",
    labels=("runtime", "device"),
    buckets=_INFERENCE_SECONDS,
)
END_TO_END_SECONDS: Final = Metric(
    "dentiq_end_to_end_seconds", "Time from submission to the written result.", labels=("queue",), buckets=_JOB_SECONDS
)


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """Make a counter of this process."""
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """Make a histogram of this process."""
    return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry)
