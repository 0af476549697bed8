"""A real worker with a stand-in model of known answers and faults: `celery -A tests.fault_worker:app worker`."""

import os
import signal
import time
from collections.abc import Iterable
from typing import Any

from celery import signals

import common.jobs.explanations
import worker.process
import worker.serving
from common.errors import DentiqError, InferenceError, ModelInvalidError
from common.jobs.record import Outcome
from common.settings import Settings
from tests.faults import (
    BREAKING,
    BUGGY_VERSION,
    DAMAGED_VERSION,
    DEADLY_TO_DRAW,
    DRAIN_VARIABLE,
    DRAWINGS,
    HOLDING,
    OPPOSITE_VERSION,
    POISON,
)
from tests.waiting import wait_until
from worker.celery_app import create_app
from worker.inference.prediction import Prediction

LABELS = ("caries", "healthy")

# Long enough that two chunks of 25 overlap on a busy machine and can be hit in their midst; no longer than that needs.
_SECONDS_PER_IMAGE = 0.04

_settings = Settings.from_env()
_told_to_stop = _settings.data_dir / "told-to-stop"


class FaultPredictor:
    """The first byte is the probability of caries in percent.

    POISON takes the process down as a kernel does; after BREAKING no image is answered, as by a GPU after an error;
    HOLDING is answered once the worker has been told to stop; DEADLY_TO_DRAW takes down who draws its heat map.
    """

    labels = LABELS
    runtime_name = "fault"
    device_name = "cpu"

    def __init__(self, version: str) -> None:
        self.version = version
        self._broken = False

    def predict(self, images: Iterable[bytes]) -> list[Prediction | DentiqError]:
        return [self._answer(image) for image in images]

    def check(self) -> None:
        if self._broken:
            raise ModelInvalidError("The self-test failed.")

    def explain(self, data: bytes, **_: Any) -> bytes:
        if data == DEADLY_TO_DRAW:
            with (_settings.data_dir / DRAWINGS).open("a") as drawings:
                drawings.write("begun\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return b"a heat map"

    def _answer(self, image: bytes) -> Prediction | DentiqError:
        self._broken = self._broken or image == BREAKING
        if self._broken:
            return InferenceError("The network failed on this image.")
        if image == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.version == BUGGY_VERSION:
            raise ZeroDivisionError
        if image == HOLDING:
            wait_until(_told_to_stop.exists, 60, what="the word that the worker stops")
        time.sleep(_SECONDS_PER_IMAGE)
        caries = 1 - image[0] / 100 if self.version == OPPOSITE_VERSION else image[0] / 100
        return Prediction((caries, 1 - caries), Outcome.ANSWERED, 0.0, _SECONDS_PER_IMAGE)


def _load(*_: Any, version: str, **__: Any) -> FaultPredictor:
    if version == DAMAGED_VERSION:
        raise ModelInvalidError("The checksum is wrong.")
    return FaultPredictor(version)


def _note_the_stop(**_: Any) -> None:
    _told_to_stop.touch()


# A message that Celery sends again would be drawn again at once.
common.jobs.explanations._DRAWING_MICROSECONDS = 0
worker.serving.load_predictor = _load  # type: ignore[assignment]
if DRAIN_VARIABLE in os.environ:
    worker.process._WORK_SECONDS = float(os.environ[DRAIN_VARIABLE])  # type: ignore[misc]
app = create_app(_settings)
# After the application's own handler of the same signal, which is connected earlier.
signals.worker_shutting_down.connect(_note_the_stop, weak=False)
