"""`python -m training reproduce JOB` against a real job store, the storage and the committed model."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from common.jobs.record import NewJob, Outcome, Success, new_job_id
from common.model_store import ModelStore
from common.queues import QueueName
from common.redis_client import connect
from common.settings import Settings
from common.storage import Storage, image_key
from tests.announcing_store import AnnouncingStore
from training.cli import main
from worker.inference.prediction import Prediction
from worker.inference.predictor import Predictor, load_predictor

FinishJob = Callable[[float], str]


@pytest.fixture(scope="module")
def predictor(repository: Path) -> Predictor:
    return load_predictor(ModelStore(repository / "model_store"), runtime="onnx")


@pytest.fixture
def photograph() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((320, 240)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def settings(redis_url: str, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DENTIQ_REDIS_URL", redis_url)
    monkeypatch.setenv("DENTIQ_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DENTIQ_MODEL_STORE_DIR", str(repository / "model_store"))
    return Settings.from_env()


@pytest.fixture
def finish_job(settings: Settings, predictor: Predictor, photograph: bytes) -> FinishJob:
    """Store a job whose first probability was moved by so much, and the image it answered."""

    def finish(moved: float) -> str:
        (answer,) = predictor.predict([photograph])
        assert isinstance(answer, Prediction)
        job = NewJob(new_job_id(), QueueName.INTERACTIVE, "photo.jpg")
        Storage(settings.effective_storage_url, fsync=False).put(image_key(job.id), photograph)
        with connect(settings.effective_job_store_url, timeout_seconds=5, max_connections=4) as client:
            store = AnnouncingStore(client)
            store.register_labels(predictor.version, predictor.labels)
            store.create([job])
            (claim,) = store.claim({QueueName.INTERACTIVE: 1}, lease_seconds=60)
            first, *others = answer.probabilities
            chances = (min(1.0, first + moved), *others)
            outcome = Outcome(answer.outcome)
            result = Success(
                claim,
                predictor.version,
                outcome,
                predictor.labels[0],
                chances,
                decode_seconds=0.1,
                inference_seconds=0.1,
            )
            assert store.finish([result]) == [True]
        return job.id

    return finish


def test_the_same_image_and_version_give_the_same_answer(finish_job: FinishJob) -> None:
    result = CliRunner().invoke(main, ["reproduce", finish_job(0.0)])
    assert result.exit_code == 0, result.output
    assert "largest difference 0.0000" in result.output


def test_an_answer_that_cannot_be_reproduced_is_an_error(finish_job: FinishJob) -> None:
    result = CliRunner().invoke(main, ["reproduce", finish_job(0.01)])
    assert result.exit_code == 1
    assert "the answers differ by" in result.output


def test_an_unknown_job_is_said_to_be_unknown(settings: Settings) -> None:
    result = CliRunner().invoke(main, ["reproduce", new_job_id()])
    assert settings.redis_url.get_secret_value()
    assert result.exit_code == 1
    assert "Error" in result.output
