"""A trained network becomes a version of the model store: weights, ONNX, manifest, card."""

import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime
import torch

from common.curves import CURVES_NAME
from common.errors import ModelError
from common.manifest import GoldenCase, Manifest, card_name
from common.model_store import ModelStore, sha256_of
from training.about import About
from training.card import card
from training.card_texts import CARD_TEXTS
from training.dataset import Dataset
from training.errors import ExportMismatchError
from training.foreign import FOREIGN_FILE
from training.inputs import served_inputs
from training.outputs import compute, split_outputs
from training.plan import FitPlan
from training.plots import pictures_folder
from training.progress import track
from training.run import CALIBRATION_FILE, Run
from training.served import onnx_file, trained_network
from worker.inference.calibration import probabilities
from worker.inference.golden import golden_batch
from worker.inference.networks import Network
from worker.inference.onnx_runtime import ONNX_FILE, OnnxRuntime
from worker.inference.torch_runtime import WEIGHTS_FILE

_GOLDEN_SEEDS = range(4)

# Where two labels are equally likely, rounding decides.
_SAME_LABELS = 0.99


def check_name(store: ModelStore, version: str) -> None:
    """See that a version can be written under a name.

    Raises:
        click.UsageError: It is no name of a version, or one that the store holds: results name the version that made
            them, and a version that serves must not go for a moment.
    """
    if not store.is_name(version):
        raise click.UsageError(
            f"{version!r} cannot name a version: use up to 64 small letters, digits, dots, dashes and underscores, and "
            "begin with a letter or a digit."
        )
    if (store.root / version).exists():
        raise click.UsageError(f"The model store holds {version!r} already: choose another name, or remove that one.")


def is_exported(run: Run, store: ModelStore, version: str) -> bool:
    """Tell whether the store holds under this name what the run would export: whole, for it appears so."""
    try:
        manifest = store.manifest(version)
        calibration = load_calibration(run)
    except (ModelError, click.UsageError):
        return False
    mine = {"labels": list(run.dataset().labels), "preprocessing": run.plan().preprocessing.model_dump(mode="json")}
    there = manifest.model_dump(mode="json")
    return manifest.files.get(WEIGHTS_FILE) == sha256_of(run.fitted_weights) and all(
        there[name] == value for name, value in {**mine, **calibration}.items()
    )


def export(
    run: Run, store: ModelStore, version: str, *, notes: Mapping[str, str], abouts: Mapping[str, About]
) -> Manifest:
    """Write a version into the store; nothing appears under its name before all of it is written and checked.

    Args:
        run: A fitted and evaluated run.
        store: Where to.
        version: Name of the version.
        notes: Of the card, by language, below the figures: how often test was looked at, and what else a reader should
            know of them.
        abouts: Of the card, by language: what its collector says of the data set.

    Raises:
        click.UsageError: Calibration or figures are of other weights, or the name cannot be used: see `check_name`.
        ExportMismatchError: The runtime that serves and torch disagree on the test split.
    """
    check_name(store, version)
    plan, dataset = run.plan(), run.dataset()
    # Told before the minutes of writing and checking.
    load_calibration(run), _load_metrics(run)
    store.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.root, prefix=".export-") as name:
        folder = Path(name) / version
        folder.mkdir()
        network = trained_network(run, plan, len(dataset.labels))
        shutil.copyfile(run.fitted_weights, folder / WEIGHTS_FILE)
        shutil.copyfile(onnx_file(run), folder / ONNX_FILE)
        agreement = _agreement(run, network)
        _copy_extras(run, folder)
        manifest = _manifest(run, folder, network, version=version, agreement=agreement)
        for language in CARD_TEXTS:
            text = card(manifest, run.ingredients(), notes[language], abouts[language], language=language)
            (folder / card_name(language)).write_text(text, encoding="utf-8")
        # The cards tell what the manifest says, so their checksums come into it last.
        manifest = manifest.model_copy(update={"files": _checksums(folder)})
        manifest.write(folder)
        folder.rename(store.root / version)
    return manifest


def load_calibration(run: Run) -> dict[str, Any]:
    """Read temperature, abstention and rule of a run's present weights.

    Raises:
        click.UsageError: They were never fitted, or not since something they depend on changed.
    """
    return run.load_measured("calibration", step="calibrate", after=[FOREIGN_FILE])


def _load_metrics(run: Run) -> dict[str, Any]:
    return run.load_measured("metrics", step="evaluate --test", after=[CALIBRATION_FILE])


def _copy_extras(run: Run, folder: Path) -> None:
    foreign = run.folder / FOREIGN_FILE
    pictures = pictures_folder(run, "test")
    drawn = [*sorted(pictures.glob("*.png")), pictures / CURVES_NAME]
    for path in (path for path in (foreign, *drawn) if path.is_file()):
        shutil.copyfile(path, folder / path.name)
    # A class brings its information pages along, so that a new pathology needs no code.
    dataset = run.dataset()
    for page in sorted(dataset.root.glob("*/info.*.md")):
        if page.parent.name in dataset.labels:
            shutil.copyfile(page, folder / page.name.replace("info.", f"info.{page.parent.name}.", 1))


def _agreement(run: Run, network: Network) -> dict[str, float]:
    """Compare the answers that were measured, which are those of the runtime that serves, with torch in float32.

    Raises:
        ExportMismatchError: They differ by more than rounding explains.
    """
    plan, served = run.plan(), split_outputs(run, "test")
    paths = [run.dataset().root / sample.file for sample in served.samples]
    logits, _ = compute(network, served_inputs(track(paths, "checking by torch", len(paths)), plan.preprocessing))
    temperature = load_calibration(run)["temperature"]
    found, wanted = probabilities(served.logits, temperature), probabilities(logits, temperature)
    difference = float(np.abs(found - wanted).max())
    same = float(np.mean(found.argmax(axis=1) == wanted.argmax(axis=1)))
    # `not <=` also refuses what is not a number.
    if not difference <= OnnxRuntime.tolerance or same < _SAME_LABELS:
        raise ExportMismatchError(
            f"ONNX and torch differ by {difference:.5f}, equal top labels {same:.2%}: nothing exported."
        )
    return {"top_label_equal": round(same, 4), "max_probability_difference": round(difference, 7)}


def _manifest(run: Run, folder: Path, network: Network, *, version: str, agreement: dict[str, float]) -> Manifest:
    plan, dataset = run.plan(), run.dataset()
    calibration, metrics = load_calibration(run), _load_metrics(run)
    return Manifest(
        version=version,
        created_at=datetime.now(timezone.utc).replace(microsecond=0),
        architecture=plan.architecture,
        labels=dataset.labels,
        preprocessing=plan.preprocessing,
        **calibration,
        metrics={**metrics, "measured_with": _measured_with(), "onnx_agreement": agreement},
        training_shares=training_shares(dataset),
        dataset_digest=run.load("dataset", step="split")["digest"],
        seed=plan.seed,
        files=_checksums(folder),
        golden=_golden(network, plan, calibration["temperature"]),
    )


def _checksums(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir())}


def _measured_with() -> dict[str, str]:
    return {"runtime": OnnxRuntime.name, "version": onnxruntime.__version__, "reference": f"torch {torch.__version__}"}


def training_shares(dataset: Dataset) -> dict[str, float]:
    """Give the share of each label among the training images."""
    train = [sample.label for sample in dataset.of("train")]
    return {label: round(train.count(label) / len(train), 4) for label in dataset.labels}


def _golden(network: Network, plan: FitPlan, temperature: float) -> tuple[GoldenCase, ...]:
    batch = golden_batch(_GOLDEN_SEEDS, plan.preprocessing)
    logits, _ = compute(network, batch)
    rows = probabilities(logits, temperature)
    return tuple(
        GoldenCase(seed=seed, logits=tuple(map(float, logit)), probabilities=tuple(map(float, row)))
        for seed, logit, row in zip(_GOLDEN_SEEDS, logits, rows, strict=True)
    )
