"""A real worker whose network is a stand-in of 40 ms an image: `celery -A tests.scale.stand_in_worker:app worker`."""

from typing import Any, Final

import worker.serving
from common.settings import Settings
from tests.scale.rig import StandIn
from worker.celery_app import create_app

IMAGE_SECONDS: Final = 0.04


def _load(*_: Any, **__: Any) -> StandIn:
    return StandIn(image_seconds=IMAGE_SECONDS)


worker.serving.load_predictor = _load  # type: ignore[assignment]
app = create_app(Settings.from_env())
