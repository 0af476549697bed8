"""A new pathology is a folder of images: trained, served by a real worker, explained and counted, with no new code."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from common.settings import Settings
from tests.made_classes import write_class, write_classes
from tests.waiting import wait_until
from training.cli import main
from web.app_factory import create_app

TEXT = {
    "en": "# Violet spots\n\nSpots of violet colour.\n\n## Signs\n\nViolet, all over.\n",
    "fr": "# Taches violettes\n\nDes taches de couleur violette.\n",
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store whose version was made by `all` from three classes and a new folder of forty images."""
    folder = tmp_path_factory.mktemp("pathology")
    data = write_classes(folder / "data")
    write_class(data, "violet_spots", (150, 40, 200), 40)
    for language, text in TEXT.items():
        (data / "violet_spots" / f"info.{language}.md").write_text(text, encoding="utf-8")
    network = ["--architecture", "timm:test_efficientnet", "--weights", "random", "--input-size", "32"]
    length = ["--epochs", "6", "--epoch-images", "192", "--head-rate", "0.005", "--frozen-share", "0"]
    places = ["--run", str(folder / "run"), "--store", str(folder / "store"), "--version", "with-violet"]
    result = CliRunner().invoke(main, ["all", str(data), *places, *network, *length], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder / "store"


@pytest.fixture
def environment(make_redis: Callable[[], Any], tmp_path: Path, models: Path) -> dict[str, str]:
    return {
        "DENTIQ_REDIS_URL": make_redis().url,
        "DENTIQ_DATA_DIR": str(tmp_path),
        "DENTIQ_MODEL_STORE_DIR": str(models),
        "DENTIQ_RUNTIME": "onnx",
    }


@pytest.fixture
def worker(environment: dict[str, str], tmp_path: Path) -> Iterator[None]:
    queues = "maintenance,interactive,bulk"
    options = ["--pool", "prefork", "--concurrency", "1", "--without-mingle", "-Q", queues]
    with (tmp_path / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "worker.app:app", "worker", *options],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    yield
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.usefixtures("worker")
def test_a_folder_of_images_becomes_answers_a_page_and_metrics(environment: dict[str, str], models: Path) -> None:
    client = create_app(Settings.from_env(environment)).test_client()
    wait_until(lambda: client.get("/readyz").status_code == 200, 60, what="a worker with the new model")
    photo = (models.parent / "data" / "violet_spots" / "007.jpg").read_bytes()
    accepted = client.post("/api/v1/jobs", data=photo, content_type="image/jpeg")
    assert accepted.status_code == 202, accepted.get_data(as_text=True)

    def ended() -> Any:
        job = client.get(accepted.headers["Location"] + "?wait=5").get_json()
        return job if job["status"] == "succeeded" else None

    job = wait_until(ended, 60, what="the answer")
    assert job["model_version"] == "with-violet"
    assert job["predictions"][0]["label"] == "violet_spots"
    assert {one["label"] for one in job["predictions"]} == {"amber", "blue", "grass", "violet_spots"}

    listed = client.get("/api/v1/pathologies").get_json()["pathologies"]
    (violet,) = (one for one in listed if one["label"] == "violet_spots")
    assert (violet["name"], violet["summary"]) == ("Violet spots", "Spots of violet colour.")
    for language, heading in (("en", "Violet spots"), ("fr", "Taches violettes")):
        page = client.get(violet["page"], headers={"Accept-Language": language})
        assert page.status_code == 200
        assert heading in page.get_data(as_text=True)

    metrics = client.get("/metrics").get_data(as_text=True)
    assert 'dentiq_predicted_labels_total{label="violet_spots",model_version="with-violet"} 1.0' in metrics
    assert 'dentiq_model_training_share{label="violet_spots",model_version="with-violet"}' in metrics
