"""Compute a finished job's answer again, from its stored image and the version that it names."""

from dataclasses import dataclass

from common.errors import DentiqError, JobNotFoundError
from common.images import ImageLimits
from common.jobs.record import Job
from common.jobs.store import JobStore
from common.model_store import ModelStore
from common.redis_client import connect
from common.remote_models import open_model_store
from common.settings import Settings
from common.storage import Storage, image_key
from worker.inference.predictor import load_predictor

# float32 arithmetic in another order moves probabilities by some 1e-6; the job store rounds them to 1e-5.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Reproduction:
    """Two answers to one image.

    Attributes:
        version: The model version that gave both.
        preprocessing: Digest of its preprocessing.
        stored: Probability by label as the job has it.
        computed: Probability by label, computed now on the CPU.
    """

    version: str
    preprocessing: str
    stored: dict[str, float]
    computed: dict[str, float]

    @property
    def difference(self) -> float:
        """Largest difference of a probability."""
        return max(abs(self.stored.get(label, 0.0) - value) for label, value in self.computed.items())

    @property
    def agrees(self) -> bool:
        """Whether both answers are the same but for rounding."""
        return self.stored.keys() == self.computed.keys() and self.difference <= TOLERANCE


def reproduce(job: Job, data: bytes, store: ModelStore, *, limits: ImageLimits) -> Reproduction:
    """Answer a job's image again.

    Args:
        job: A succeeded job.
        data: Its stored image.
        store: Holds the version that answered it.
        limits: Bounds on what is decoded.

    Raises:
        JobNotFoundError: The job has no answer to compare with.
        DentiqError: The version or the image can no longer be read.
    """
    if job.model_version is None or not job.predictions:
        raise JobNotFoundError(f"Job {job.id} is {job.status.value} and has no answer: only a succeeded one has.")
    predictor = load_predictor(store, runtime="onnx", device="cpu", version=job.model_version, limits=limits)
    (result,) = predictor.predict([data])
    if isinstance(result, DentiqError):
        raise result
    return Reproduction(
        version=predictor.version,
        preprocessing=predictor.manifest.preprocessing.digest,
        stored={prediction.label: prediction.probability for prediction in job.predictions},
        computed=dict(zip(predictor.labels, result.probabilities, strict=True)),
    )


def reproduce_stored(job_id: str, settings: Settings) -> Reproduction:
    """Answer a job again that the platform of these settings holds.

    Raises:
        JobNotFoundError: There is no such job, or it has no answer.
        DentiqError: The job store, the storage or the model version cannot be read.
    """
    with connect(
        settings.effective_job_store_url,
        timeout_seconds=settings.redis_timeout_seconds,
        max_connections=settings.redis_max_connections,
    ) as client:
        job = JobStore(client).get(job_id)
    data = Storage(settings.effective_storage_url, fsync=False, s3=settings.s3).get(image_key(job_id))
    store = open_model_store(settings.model_store_location, settings.s3, copies=settings.data_dir / "models")
    return reproduce(job, data, store, limits=settings.image_limits)
