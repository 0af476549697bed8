"""Training end to end with a tiny network: every step, resuming, a new class, promotion, rollback, refusal."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from common.curves import Curves
from common.errors import JobNotFoundError
from common.jobs.record import Job, JobStatus
from common.jobs.record import Prediction as StoredPrediction
from common.model_store import ModelStore
from common.queues import QueueName
from training import steps
from training.checkpoint import EpochResult
from training.cli import main
from training.dataset import read_dataset
from training.outputs import Floats, compute, split_outputs
from training.plan import FitPlan
from training.reproduce import reproduce
from training.run import Run
from worker.inference.calibration import probabilities
from worker.inference.decode import DECODE_LIMITS
from worker.inference.networks import Network
from worker.inference.prediction import Prediction
from worker.inference.predictor import load_predictor

TINY = ["--architecture", "timm:test_efficientnet", "--weights", "random", "--input-size", "32"]
SHORT = ["--epochs", "3", "--epoch-images", "96"]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def train(data: Path, folder: Path, version: str) -> Result:
    places = ("--run", folder / f"run-{version}", "--store", folder / "store", "--version", version)
    return invoke("all", data, *places, *TINY, *SHORT)


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory, write_data: Callable[[Path], Path]) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    result = train(write_data(folder / "data"), folder, "first")
    assert result.exit_code == 0, result.output
    return folder / "store"


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> ModelStore:
    shutil.copytree(trained_once, tmp_path / "store")
    return ModelStore(tmp_path / "store")


def test_one_command_makes_a_version_that_serves(trained: ModelStore, made_data: Path) -> None:
    assert trained.current() == "first"
    manifest = trained.verify("first")
    assert manifest.labels == ("amber", "blue", "grass")
    assert manifest.metrics["test"]["all"]["images"] == 6
    assert manifest.metrics["onnx_agreement"]["top_label_equal"] == 1
    assert 0 <= manifest.metrics["onnx_agreement"]["max_probability_difference"] < 1e-3
    assert manifest.metrics["measured_with"]["runtime"] == "onnx"
    assert sum(manifest.training_shares.values()) == pytest.approx(1, abs=0.001)
    assert manifest.ood_rule is not None
    names = {path.name for path in trained.folder("first").iterdir()}
    assert {"model.safetensors", "model.onnx", "manifest.json", "card.md", "confusion.png", "history.png"} <= names
    curves = Curves.read(trained.folder("first") / "curves.json")
    assert (curves.images, len(curves.history)) == (6, 3)
    assert "curves.json" in manifest.files
    assert "Research use only" in (trained.folder("first") / "card.md").read_text()
    assert "Réservée à la recherche" in (trained.folder("first") / "card.fr.md").read_text(encoding="utf-8")
    assert {"card.md", "card.fr.md"} <= manifest.files.keys()
    (result,) = load_predictor(trained, runtime="onnx").predict([(made_data / "blue" / "000.jpg").read_bytes()])
    assert isinstance(result, Prediction)


def test_what_is_measured_is_what_a_worker_answers(trained_once: Path) -> None:
    run = Run(trained_once.parent / "run-first")
    predictor = load_predictor(ModelStore(trained_once), runtime="onnx")
    measured = split_outputs(run, "test")
    assert len(measured.samples) == 6
    for sample, logits in zip(measured.samples, measured.logits, strict=True):
        (answer,) = predictor.predict([(run.dataset().root / sample.file).read_bytes()])
        assert isinstance(answer, Prediction)
        # Bit for bit: the same file, the same runtime, one image at a time.
        (row,) = probabilities(logits[None], predictor.manifest.temperature)
        assert answer.probabilities == tuple(map(float, row))


def test_a_network_that_torch_answers_otherwise_is_not_exported(
    trained_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(network: Network, inputs: Iterable[Floats]) -> tuple[Floats, Floats]:
        logits, features = compute(network, inputs)
        return logits * 1.2, features

    monkeypatch.setattr("training.export.compute", otherwise)
    refused = invoke("export", "--run", trained_once.parent / "run-first", "--store", tmp_path, "--version", "other")
    assert refused.exit_code == 1
    assert "nothing exported" in refused.output
    assert not list(tmp_path.iterdir())


def test_figures_that_another_runtime_gave_are_not_exported(trained_once: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_once.parent / "run-first", tmp_path / "run")
    path = tmp_path / "run" / "calibration.json"
    values = json.loads(path.read_text())
    # As runs have it that were calibrated when torch measured.
    del values["measured_on"]["runtime"]
    path.write_text(json.dumps(values))
    refused = invoke("export", "--run", tmp_path / "run", "--store", tmp_path / "store", "--version", "other")
    assert refused.exit_code == 2
    assert "of other runtime" in refused.output


def test_a_new_folder_of_images_becomes_a_new_class_with_its_pages(
    trained: ModelStore, made_data: Path, tmp_path: Path, add_class: Callable[..., None]
) -> None:
    add_class(made_data, "violet", (150, 40, 200), 40)
    (made_data / "violet" / "info.en.md").write_text("# Violet\n")
    (made_data / "violet" / "info.fr.md").write_text("# Violette\n")
    assert train(made_data, tmp_path, "second").exit_code == 0
    manifest = trained.verify("second")
    assert manifest.labels == ("amber", "blue", "grass", "violet")
    assert "violet" in manifest.metrics["test"]["all"]["f1"]
    assert (trained.folder("second") / "info.violet.fr.md").read_text() == "# Violette\n"
    assert trained.current() == "second"
    assert invoke("rollback", "--store", trained.root).exit_code == 0
    assert trained.current() == "first"
    both = ("compare", made_data, "first", "second", "--store", trained.root, "--run", tmp_path / "run-second")
    refused = invoke(*both)
    assert refused.exit_code == 2
    assert "first was made of other photographs or another split" in refused.output
    compared = invoke(*both, "--any-data")
    assert compared.exit_code == 0, compared.output
    assert "unlike first was made of other photographs" in compared.output
    assert "gain of the second" in compared.output


def test_a_damaged_version_is_not_promoted_and_the_old_one_goes_on(trained: ModelStore) -> None:
    trained.folder("first").rename(trained.root / "other")
    (trained.root / "other").rename(trained.root / "first")
    (trained.folder("first") / "model.onnx").write_bytes(b"damaged")
    result = invoke("promote", "--store", trained.root, "first")
    assert result.exit_code == 1
    assert "sha256" in result.output
    assert trained.current() == "first"


def test_an_interrupted_fit_goes_on_where_it_stopped(
    made_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    assert invoke("split", made_data, "--run", run).exit_code == 0
    whole = invoke("fit", "--run", run, *TINY, *SHORT)
    expected = json.loads((run / "history.json").read_text())
    assert whole.output.count(": loss ") == 3
    assert len(expected) == 3
    assert f"{expected[2]['loss']:.3f}" in whole.output.rpartition("validation loss")[2]
    _interrupt_after(2, run, monkeypatch)
    resumed = invoke("fit", "--run", run, *TINY, *SHORT)
    assert resumed.output.count(": loss ") == 1
    assert json.loads((run / "history.json").read_text()) == expected


class InterruptedByTestError(Exception):
    """Stands for a killed process."""


def _interrupt_after(epochs: int, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(result: EpochResult) -> None:
        if result.epoch == epochs:
            raise InterruptedByTestError

    with monkeypatch.context() as patch:
        patch.setattr(steps, "print_epoch", stop)
        with pytest.raises(InterruptedByTestError):
            invoke("fit", "--run", run, *TINY, *SHORT)


def test_a_step_before_its_time_says_which_one_to_run(tmp_path: Path) -> None:
    result = invoke("calibrate", "--run", tmp_path / "nothing")
    assert result.exit_code == 2
    assert "training split" in result.output


def test_a_jobs_answer_can_be_computed_again(trained: ModelStore, made_data: Path) -> None:
    data = (made_data / "grass" / "003.jpg").read_bytes()
    predictor = load_predictor(trained, runtime="onnx")
    (answer,) = predictor.predict([data])
    assert isinstance(answer, Prediction)
    job = finished_job(dict(zip(predictor.labels, answer.probabilities, strict=True)))
    again = reproduce(job, data, trained, limits=DECODE_LIMITS)
    assert again.agrees
    assert (again.version, again.preprocessing) == ("first", predictor.manifest.preprocessing.digest)
    other = reproduce(finished_job({"amber": 0.2, "blue": 0.2, "grass": 0.6}), data, trained, limits=DECODE_LIMITS)
    assert not other.agrees


def finished_job(probabilities: dict[str, float]) -> Job:
    return Job(
        id="a" * 24,
        status=JobStatus.SUCCEEDED,
        queue=QueueName.INTERACTIVE,
        filename="photo.jpg",
        attempts=1,
        submitted_at=datetime(2026, 11, 23, tzinfo=timezone.utc),
        model_version="first",
        predictions=tuple(StoredPrediction(*pair) for pair in probabilities.items()),
    )


def test_a_job_without_an_answer_cannot_be_computed_again(trained: ModelStore) -> None:
    queued = dataclasses.replace(finished_job({}), status=JobStatus.QUEUED, model_version=None)
    with pytest.raises(JobNotFoundError, match="queued"):
        reproduce(queued, b"", trained, limits=DECODE_LIMITS)


def test_listing_marks_the_version_that_serves(trained: ModelStore) -> None:
    result = invoke("list", "--store", trained.root)
    assert result.exit_code == 0
    assert "first" in result.output
    assert "*" in result.output


def test_the_default_plan_fits_the_real_data(repository: Path) -> None:
    data = repository.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the photographs are not on this machine")
    dataset = read_dataset(data)
    assert len(dataset.labels) == 7
    assert FitPlan().epoch_images >= len({sample.group for sample in dataset.of("train")})
