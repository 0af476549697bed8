"""The command line as a person or script starts it, against the real platform."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.images import RealPhoto
from tests.fixtures.stack import LocalStack

MakeImage = Callable[..., bytes]

# The script that the installation put beside this Python.
DENTIQ = Path(sys.executable).parent / "dentiq"


@pytest.fixture
def dentiq(stack: LocalStack) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run `dentiq ARGUMENTS` on the platform of this run."""

    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [DENTIQ, *arguments],
            env={**os.environ, "DENTIQ_URL": stack.base_url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_photograph_gets_its_label(dentiq: Run, real_photos: list[RealPhoto]) -> None:
    photo = next(photo for photo in real_photos if photo.split == "test" and photo.label == "caries")
    result = dentiq("submit", "--json", photo.path)
    assert result.returncode == 0, result.stderr
    (job,) = json.loads(result.stdout)
    labels = {prediction["label"] for prediction in job["predictions"]}
    assert job["status"] == "succeeded"
    assert photo.label in labels
    assert sum(prediction["probability"] for prediction in job["predictions"]) == pytest.approx(1, abs=0.01)


def test_a_folder_with_one_bad_file_gives_all_other_results(dentiq: Run, tmp_path: Path, make_image: MakeImage) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(make_image(width=200 + number, height=150))
    (tmp_path / "text.jpg").write_text("this is no image")
    result = dentiq("submit", *sorted(tmp_path.iterdir()))
    assert result.returncode == 1
    assert "image_format_unsupported" in result.stdout
    assert "Traceback" not in result.stderr


def test_the_job_can_be_looked_up_and_the_model_is_listed(dentiq: Run, tmp_path: Path, make_image: MakeImage) -> None:
    image = tmp_path / "tooth.png"
    image.write_bytes(make_image(width=240, height=180, image_format="PNG"))
    (job,) = json.loads(dentiq("submit", "--json", image).stdout)
    assert json.loads(dentiq("status", "--json", job["id"]).stdout)["status"] == "succeeded"
    models = json.loads(dentiq("models", "--json").stdout)
    assert [model["version"] for model in models if model["current"]] == [job["model_version"]]


def test_an_unknown_job_is_told_without_a_traceback(dentiq: Run) -> None:
    result = dentiq("status", "no-such-job")
    assert result.returncode == 1
    assert "job_not_found" in result.stderr
    assert "Traceback" not in result.stderr
