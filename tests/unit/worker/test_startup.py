"""A worker that could not work, or would lose jobs, does not start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.redis_client import connect
from common.settings import Settings
from worker.startup import refuse_unsafe_start


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Callable[..., Settings]:
    models = tmp_path / "models"
    (models / "v1").mkdir(parents=True)
    (models / "v1" / "manifest.json").touch()
    (models / "current").write_text("v1\n")

    def make(**changes: Any) -> Settings:
        return Settings(**{"redis_url": redis_url, "model_store_dir": models, "data_dir": tmp_path, **changes})

    return make


def test_a_sound_worker_starts(settings: Callable[..., Settings]) -> None:
    refuse_unsafe_start(settings())


def test_a_redis_that_is_away_is_waited_for(settings: Callable[..., Settings]) -> None:
    refuse_unsafe_start(settings(redis_url="redis://127.0.0.1:1/0"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"storage_url": "nosuch://bucket"}, "DENTIQ_STORAGE_URL names a storage that dentiq does not know"),
        ({"device": "cuda", "runtime": "onnx"}, "choose the torch runtime for cuda"),
        ({"device": "cpu", "runtime": "torch-graphs"}, "needs a CUDA device"),
        ({"model_store_dir": Path("nowhere")}, "model"),
    ],
)
def test_what_cannot_be_had_ends_the_start_with_a_sentence(
    settings: Callable[..., Settings], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SystemExit, match=sentence):
        refuse_unsafe_start(settings(**changes))


def test_a_database_that_redis_lacks_ends_the_start_with_a_sentence(
    settings: Callable[..., Settings], redis_url: str
) -> None:
    with pytest.raises(SystemExit, match="no database of this number"):
        refuse_unsafe_start(settings(redis_url=redis_url.removesuffix("0") + "15"))


def test_an_unsafe_redis_ends_the_start_with_its_remedy(
    settings: Callable[..., Settings], make_redis: Callable[[], Any]
) -> None:
    server = make_redis()
    with connect(server.url, timeout_seconds=2, max_connections=2) as client:
        client.config_set("appendonly", "no")
    with pytest.raises(SystemExit, match="appendonly yes"):
        refuse_unsafe_start(settings(redis_url=server.url))
