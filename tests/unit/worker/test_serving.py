"""The model in hand, while the store at a distance that names it falls silent."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from common.model_store import ModelStore
from common.remote_models import RemoteModelStore
from common.settings import Settings
from tests.chaos.link import Line, Link
from tests.fixtures.s3 import Bucket
from tests.unit.common.test_model_store import add_version
from tests.waiting import wait_until
from worker.metrics import WorkerMetrics
from worker.serving import ServingModel, Surroundings

# A look that waits for the store takes this long at least; one that does not, far less on any machine.
_TIMEOUT_SECONDS = 20


def checked(store: ModelStore, *, version: str, **_: Any) -> Any:
    """Load a version of no network; its files are checked as always."""
    labels = store.verify(version).labels
    return SimpleNamespace(version=version, labels=labels, runtime_name="onnx", device_name="cpu")


@pytest.fixture
def operator(bucket: Bucket, tmp_path: Path) -> RemoteModelStore:
    """The model store as somebody sees it whose line to it is sound; it holds versions a and b, and a serves."""
    store = RemoteModelStore(bucket.url, bucket.access(), root=tmp_path / "operator")
    for version in ("a", "b"):
        add_version(tmp_path / "source", version, content=version.encode() * 1000)
        store.publish(tmp_path / "source" / version)
    store.set_current("a")
    return store


@pytest.fixture
def link(bucket: Bucket, make_link: Callable[[int], Link]) -> Link:
    return make_link(bucket.store.port)


@pytest.fixture
def model(bucket: Bucket, link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServingModel:
    monkeypatch.setattr("worker.serving.load_predictor", checked)
    settings = Settings.from_env(
        bucket.environment
        | {
            "DENTIQ_S3_ENDPOINT_URL": f"http://127.0.0.1:{link.port}",
            "DENTIQ_S3_TIMEOUT_SECONDS": str(_TIMEOUT_SECONDS),
            "DENTIQ_MODEL_STORE_URL": bucket.url,
            "DENTIQ_DATA_DIR": str(tmp_path / "worker"),
        }
    )
    store, unused = SimpleNamespace(register_labels=_take), SimpleNamespace()
    heartbeat = SimpleNamespace(serve=_take)
    around: Any = (settings, store, unused, unused, unused, WorkerMetrics(), heartbeat)
    return ServingModel(Surroundings(*around))


def _take(*_: Any) -> None:
    """Take what is noted."""


def served(model: ServingModel) -> str:
    serving = model.get()
    assert serving is not None
    return serving.version


def test_images_go_on_with_the_version_in_hand_while_the_model_store_is_silent(
    operator: RemoteModelStore, model: ServingModel, link: Link
) -> None:
    assert served(model) == "a"
    link.set(Line.MUTE)
    operator.set_current("b")
    looks: list[float] = []
    muted_at = monotonic()

    def has_looked_several_times() -> bool:
        started = monotonic()
        assert served(model) == "a"
        looks.append(monotonic() - started)
        return monotonic() > muted_at + 3

    wait_until(has_looked_several_times, 100)
    assert max(looks) < _TIMEOUT_SECONDS / 2
    link.set(Line.OPEN)
    wait_until(lambda: served(model) == "b", 60, what="the version that was promoted meanwhile")
