"""The table of every metric: name, help, labels and buckets; nothing is registered until a process asks for it."""

from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


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

# A self-tested ONNX network loads in 0.3 s, torch with CUDA in 10 s from a cold disk; the pool gives up after 120 s.
_LOAD_SECONDS: Final = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

# Chunks carry 1 to 8 single jobs or up to 32 of a batch by default, at most 1024: powers of two.
_CHUNK_IMAGES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

# Probabilities of the first label, from one in seven (a guess) to certain; the thresholds that matter lie above 0.5.
_CONFIDENCE: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)

# Reading a job takes 1 to 5 ms, a submission 5 to 50 ms by the size of its file; a disk that is busy takes a second.
_HTTP_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# A photograph of 5 MB takes milliseconds on a local network, a second on a fast line and a minute on a slow one.
_RECEIVE_SECONDS: Final = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

# Web: counted by each of its processes
HTTP_REQUESTS: Final = Metric(
    "dentiq_http_requests_total", "HTTP requests answered.", labels=("route", "method", "code")
)
HTTP_REQUEST_SECONDS: Final = Metric(
    "dentiq_http_request_duration_seconds",
    "Time to answer an HTTP request, without the time that its sender took to send it or chose to wait.",
    labels=("route", "method"),
    buckets=_HTTP_SECONDS,
)
HTTP_RECEIVE_SECONDS: Final = Metric(
    "dentiq_http_receive_duration_seconds",
    "Time that a request waited for its body to arrive; requests without one are not counted.",
    labels=("route",),
    buckets=_RECEIVE_SECONDS,
)
HTTP_FAILURES: Final = Metric(
    "dentiq_http_failures_total", "Requests that ended in a 5xx; probes and scrapes are not counted."
)
REQUESTS_LIMITED: Final = Metric(
    "dentiq_requests_limited_total", "Requests refused because there were too many, by who sent them.", labels=("by",)
)
REQUESTS_REFUSED: Final = Metric(
    "dentiq_requests_refused_total", "Requests refused for want of an API key or a scope.", labels=("reason",)
)
HINTS_UNSENT: Final = Metric(
    "dentiq_hints_unsent_total", "Work hints that the broker did not take; the sweeper makes up for them."
)
UPLOADS: Final = Metric("dentiq_uploads_total", "Images that arrived, by verdict.", labels=("verdict",))
UPLOAD_BYTES: Final = Metric("dentiq_upload_bytes_total", "Bytes of the images that arrived, accepted or not.")

# Web: read from the job store at each scrape, so that they hold for the whole platform and survive every restart
JOB_STORE_UP: Final = Metric("dentiq_job_store_up", "Whether the job store answered this scrape.")
JOBS_SUBMITTED: Final = Metric("dentiq_jobs_submitted_total", "Jobs accepted.")
JOBS_FINISHED: Final = Metric("dentiq_jobs_finished_total", "Jobs that reached a terminal status.", labels=("status",))
JOBS_RUNNING: Final = Metric("dentiq_jobs_running", "Jobs that workers hold.")
JOBS_DELAYED: Final = Metric("dentiq_jobs_delayed", "Jobs that wait for their next attempt.")
JOB_ERRORS: Final = Metric("dentiq_job_errors_total", "Jobs that failed, by error code.", labels=("code",))
JOBS_POSTPONED: Final = Metric("dentiq_jobs_postponed_total", "Attempts that ended in a fault that can pass.")
LEASES_EXPIRED: Final = Metric("dentiq_leases_expired_total", "Jobs taken back from a worker that fell silent.")
OUTCOMES: Final = Metric(
    "dentiq_outcomes_total", "Results by outcome: answered, uncertain, not_dental.", labels=("model_version", "outcome")
)
PREDICTED_LABELS: Final = Metric(
    "dentiq_predicted_labels_total", "Results by their most probable label.", labels=("model_version", "label")
)
SHADOW_ANSWERS: Final = Metric(
    "dentiq_shadow_answers_total",
    "Jobs that a shadow version answered too, by the label that served and whether the shadow's was the same.",
    labels=("model_version", "shadow_version", "label", "agreement"),
)
CORRECTIONS: Final = Metric(
    "dentiq_corrections_total",
    "Corrections by readers, by what they say of the answer; a changed one counts again, a repeated one does not.",
    labels=("model_version", "verdict"),
)
QUEUE_DEPTH: Final = Metric("dentiq_queue_depth", "Jobs that wait in a queue.", labels=("queue",))
QUEUE_OLDEST_SECONDS: Final = Metric(
    "dentiq_queue_oldest_age_seconds", "Time that the oldest waiting job of a queue has waited.", labels=("queue",)
)
WORKERS: Final = Metric(
    "dentiq_workers", "Live worker processes that hold a model.", labels=("model_version", "runtime", "device")
)
WEBHOOKS: Final = Metric(
    "dentiq_webhook_attempts_total",
    "Attempts to send a webhook, by what it became: delivered, pending (it is tried again) or failed (given up).",
    labels=("state",),
)
WEBHOOKS_PENDING: Final = Metric("dentiq_webhooks_pending", "Webhooks that are to be sent, now or later.")
WEBHOOKS_OVERDUE_SECONDS: Final = Metric(
    "dentiq_webhooks_overdue_seconds", "Time for which the webhook that is due longest has been due."
)

# Web: read from the model store at each scrape
MODEL_INFO: Final = Metric(
    "dentiq_model_info",
    "1 for the model version that the store names as current.",
    labels=("model_version", "architecture", "dataset"),
)
MODEL_CREATED: Final = Metric(
    "dentiq_model_created_timestamp_seconds", "When a model version was made.", labels=("model_version",)
)
TRAINING_SHARE: Final = Metric(
    "dentiq_model_training_share",
    "Share of a label among the images that a model version was trained on.",
    labels=("model_version", "label"),
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
CHUNK_IMAGES: Final = Metric(
    "dentiq_chunk_images", "Images that one chunk carried.", labels=("queue",), buckets=_CHUNK_IMAGES
)
CONFIDENCE: Final = Metric(
    "dentiq_confidence",
    "Calibrated probability of the most probable label.",
    labels=("model_version",),
    buckets=_CONFIDENCE,
)
RESULTS_REFUSED: Final = Metric(
    "dentiq_results_refused_total", "Results that came too late: the lease had been taken over."
)
MODEL_LOAD_SECONDS: Final = Metric(
    "dentiq_model_load_seconds",
    "Time to verify, load and self-test a model.",
    labels=("model_version",),
    buckets=_LOAD_SECONDS,
)
SHADOW_FAILURES: Final = Metric(
    "dentiq_shadow_failures_total",
    "Jobs of its share that a shadow version could not answer; their results are untouched.",
    labels=("shadow_version",),
)
SWEEPS: Final = Metric("dentiq_sweeps_total", "Runs of the sweeper that went through.")
MODELS_HELD: Final = Metric("dentiq_worker_models", "Pool processes of this worker that hold a model.")

# Web and worker: their processes together, as the operating system counts them
PROCESSES: Final = Metric("dentiq_processes", "Processes of a part.", labels=("part",))
PROCESS_CPU_SECONDS: Final = Metric(
    "dentiq_process_cpu_seconds_total", "Processor time of a part's processes, ended ones included.", labels=("part",)
)
PROCESS_MEMORY_BYTES: Final = Metric(
    "dentiq_process_resident_memory_bytes",
    "Resident memory of a part's processes; pages that they share count in each.",
    labels=("part",),
)


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """Make a counter of this process."""
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def living_gauge(metric: Metric, registry: CollectorRegistry) -> Gauge:
    """Make a gauge whose values are summed over the processes that live."""
    return Gauge(metric.name, metric.help, metric.labels, registry=registry, multiprocess_mode="livesum")


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """Make a histogram of this process."""
    return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry)
