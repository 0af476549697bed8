"""A real worker with a stand-in network whose answers can be computed anew: `celery -A tests.chaos.stand_in:app`.

Celery, the pool, leases, heartbeat, sweeper, chunk, storage and job store are the product's; the network alone is not.
"""

import os
import signal
import time
from collections.abc import Iterable
from typing import Any

import worker.serving
from common.errors import DentiqError, ModelInvalidError
from common.jobs.record import Outcome
from common.settings import Settings
from tests.chaos.reference import (
    DAMAGED_VERSION,
    LABELS,
    POISON,
    SECONDS_PER_IMAGE_VARIABLE,
    STEPS,
    outcome_of,
    steps_of,
)
from worker.celery_app import create_app
from worker.inference.prediction import Prediction

# By itself long enough that a chunk is hit in its midst, short enough that the jobs of a history end soon.
_SECONDS_PER_IMAGE = float(os.environ.get(SECONDS_PER_IMAGE_VARIABLE, "0.01"))


class StandIn:
    """Answer each image as `tests.chaos.reference` does."""

    labels = LABELS
    runtime_name = "stand-in"
    device_name = "cpu"

    def __init__(self, version: str) -> None:
        self.version = version

    def predict(self, images: Iterable[bytes]) -> list[Prediction | DentiqError]:
        return [self._answer(image) for image in images]

    def check(self) -> None:
        return

    def _answer(self, image: bytes) -> Prediction | DentiqError:
        if POISON in image:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(_SECONDS_PER_IMAGE)
        probabilities = tuple(steps / STEPS for steps in steps_of(image, self.version))
        return Prediction(probabilities, Outcome(outcome_of(image, self.version)), 0.0, _SECONDS_PER_IMAGE)


def _load(*_: Any, version: str, **__: Any) -> StandIn:
    if version == DAMAGED_VERSION:
        raise ModelInvalidError("The checksum is wrong.")
    return StandIn(version)


worker.serving.load_predictor = _load  # type: ignore[assignment, attr-defined]
app = create_app(Settings.from_env())
