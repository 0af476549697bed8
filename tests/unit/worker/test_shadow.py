"""A shadow that begins, ends and begins again, and one whose jobs are erased under it."""

from types import SimpleNamespace
from typing import Any

from common.errors import ModelInvalidError, StoredImageMissingError
from worker.metrics import WorkerMetrics
from worker.shadow import ShadowModel


class Versions:
    """The model store, as far as a shadow asks."""

    def __init__(self, named: Any) -> None:
        self.named = named

    def shadow(self) -> Any:
        return self.named

    def is_at_hand(self, version: str) -> bool:
        return version == self.named.version


class MissingImages:
    """A storage whose images have been erased."""

    def get(self, key: str) -> bytes:
        raise StoredImageMissingError(f"{key} is not there.")


class CountedFailures(WorkerMetrics):
    """Metrics that remember what failed."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = 0

    def shadow_failed(self, version: str) -> None:
        self.failed += bool(version)


SHADOW = SimpleNamespace(version="b", takes=lambda _job_id: True)


def shadow_model(load: Any, *, metrics: WorkerMetrics | None = None) -> tuple[ShadowModel, Versions]:
    models: Any = Versions(SHADOW)
    unused: Any = None
    storage: Any = MissingImages()
    return ShadowModel(models, load, register=unused, storage=storage, metrics=metrics or WorkerMetrics()), models


def test_a_shadow_that_is_taken_up_again_is_loaded_at_once() -> None:
    loaded: list[str] = []

    def load(version: str) -> Any:
        loaded.append(version)
        return SimpleNamespace(version=version)

    model, models = shadow_model(load)
    for named in (SHADOW, None, SHADOW):
        models.named = named
        model.follow(serves="a")
    assert loaded == ["b", "b"]


def test_a_shadow_that_is_refused_is_not_read_at_each_chunk() -> None:
    tries: list[str] = []

    def load(version: str) -> Any:
        tries.append(version)
        raise ModelInvalidError("The checksum is wrong.")

    model, _ = shadow_model(load)
    for _ in range(3):
        model.follow(serves="a")
    assert tries == ["b"]


def test_a_job_that_was_erased_meanwhile_is_no_failure_of_the_shadow() -> None:
    metrics = CountedFailures()
    model, _ = shadow_model(lambda version: SimpleNamespace(version=version), metrics=metrics)
    model.follow(serves="a")
    result: Any = SimpleNamespace(claim=SimpleNamespace(job_id="one"))
    model.run([result])
    assert metrics.failed == 0
