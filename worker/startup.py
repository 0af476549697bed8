"""What a worker makes sure of before its pool starts, and beat before its first message."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from common.errors import ConfigurationError, DentiqError, ModelStoreUnreachableError
from common.redis_start import refuse_unusable_redis
from common.remote_models import open_model_store
from common.settings import Settings
from common.storage import Storage

log = structlog.get_logger(__name__)

# Importing torch and asking CUDA takes seconds on a cold disk.
_PROBE_SECONDS = 120
_PROBE = "import sys; from worker.inference.devices import choose; choose(sys.argv[1], sys.argv[2])"


def refuse_unsafe_start(settings: Settings) -> None:
    """End the process with a sentence when it could not work or would lose jobs.

    A Redis that does not answer yet is no reason: Celery waits for it, and the job store looks before its first claim.

    Raises:
        SystemExit: Redis would drop jobs or does not let us in, no model can serve, or the storage or the device cannot
            be had.
    """
    with _refusals_of("worker"):
        _require_model(settings)
        Storage(settings.effective_storage_url, fsync=settings.storage_fsync, s3=settings.s3)
        _require_device(settings)
        _require_redis(settings)


def refuse_unsafe_beat(settings: Settings) -> None:
    """End beat with a sentence when its messages would reach nobody.

    Raises:
        SystemExit: Celery cannot use this broker, the job store would drop jobs, or one of them does not let us in.
    """
    with _refusals_of("beat"):
        _require_redis(settings)


@contextmanager
def _refusals_of(part: str) -> Iterator[None]:
    try:
        yield
    except DentiqError as error:
        raise SystemExit(f"dentiq {part}: {error.message}") from error


def _require_redis(settings: Settings) -> None:
    fault = refuse_unusable_redis(settings)
    if fault is not None:
        log.warning("redis_not_ready", reason=fault.log_reason)


def _require_model(settings: Settings) -> None:
    """See that a version can serve; a model store at a distance may come back later."""
    try:
        open_model_store(settings.model_store_location, settings.s3, copies=settings.data_dir / "models").current()
    except ModelStoreUnreachableError as error:
        log.warning("model_store_not_ready", reason=error.log_reason)


def _require_device(settings: Settings) -> None:
    """Find out whether what was asked for can be had; in a process of its own, for CUDA does not survive a fork."""
    if settings.device != "cuda" and settings.runtime in {"auto", "onnx"}:
        return
    probe = [sys.executable, "-c", _PROBE, settings.runtime, settings.device]
    answer = subprocess.run(probe, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False)  # noqa: S603
    if answer.returncode:
        _, _, reason = answer.stderr.strip().rpartition("\n")[2].partition(": ")
        raise ConfigurationError(
            f"Runtime {settings.runtime!r} on device {settings.device!r} cannot be had: "
            f"{reason or answer.stderr[-300:]}"
        )
