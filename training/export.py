"""A trained network becomes a version of the model store: weights, ONNX, manifest, card."""

import shutil
import tempfile
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from common.curves import CURVES_NAME
from common.errors import ModelError
from common.manifest import GoldenCase, Manifest, Preprocessing
from common.model_store import ModelStore, sha256_of
from training.about import About
from training.card import CARD_FILE, card
from training.dataset import Dataset
from training.errors import ExportMismatchError
from training.foreign import FOREIGN_FILE
from training.inputs import served_inputs
from training.outputs import compute, split_outputs, trained_network
from training.plan import FitPlan
from training.plots import pictures_folder
from training.progress import track
from training.run import CALIBRATION_FILE, Run
from worker.inference.calibration import probabilities
from worker.inference.golden import golden_batch
from worker.inference.networks import ExplainedNetwork, Network
from worker.inference.onnx_runtime import BATCH_AXIS, ONNX_FILE, OnnxRuntime
from worker.inference.torch_runtime import WEIGHTS_FILE

# Old enough for every ONNX Runtime since 1.13, new enough for every layer that classifiers use.
_OPSET = 17

_GOLDEN_SEEDS = range(4)


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


def export(run: Run, store: ModelStore, version: str, *, note: str, about: About) -> Manifest:
    """Write a version into the store; nothing appears under its name before all of it is written and checked.

    Args:
        run: A fitted and evaluated run.
        store: Where to.
        version: Name of the version.
        note: Of the card, below the figures: how often test was looked at, and what else a reader should know of them.
        about: Of the card: what its collector says of the data set.

    Raises:
        click.UsageError: Calibration or figures are of other weights, or the name cannot be used: see `check_name`.
        ExportMismatchError: ONNX and torch disagree on the test split.
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
        write_onnx(network, folder / ONNX_FILE, plan.preprocessing)
        agreement = _agreement(run, folder, plan.preprocessing)
        _copy_extras(run, folder)
        manifest = _manifest(run, folder, network, version=version, agreement=agreement)
        (folder / CARD_FILE).write_text(card(manifest, run.ingredients(), note, about), encoding="utf-8")
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


def write_onnx(network: Network, path: Path, preprocessing: Preprocessing) -> None:
    """Write a network as ONNX: `input` [batch, 3, H, W] to `logits`, `features` and, where it has one, `evidence`."""
    example = torch.zeros(1, 3, preprocessing.input_size, preprocessing.input_size)
    network.eval()
    with torch.inference_mode():
        explained = network.evidence(example) is not None
    outputs = ["logits", "features", "evidence"] if explained else ["logits", "features"]
    with warnings.catch_warnings():
        # The successor needs onnxscript and gives the same graph here; torch 2.13 still ships this one.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            ExplainedNetwork(network).eval() if explained else network,
            (example,),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["input"],
            output_names=outputs,
            dynamic_axes={name: {0: BATCH_AXIS} for name in ["input", *outputs]},
        )


def _agreement(run: Run, folder: Path, preprocessing: Preprocessing) -> dict[str, float]:
    # The torch answers are those of the evaluation; the inputs are decoded by the served path both times.
    expected = split_outputs(run, "test")
    root = run.dataset().root
    runtime = OnnxRuntime(folder)
    inputs = served_inputs([root / sample.file for sample in expected.samples], preprocessing)
    singles = track(inputs, "checking", len(expected.truth))
    logits = np.concatenate([runtime.run(single[None]).logits for single in singles])
    found, wanted = probabilities(logits, 1.0), probabilities(expected.logits, 1.0)
    difference = float(np.abs(found - wanted).max())
    same = float(np.mean(found.argmax(axis=1) == wanted.argmax(axis=1)))
    if difference > 1e-3 or same < 1:
        raise ExportMismatchError(
            f"ONNX and torch differ by {difference:.5f}, equal top labels {same:.2%}: nothing exported."
        )
    return {"top_label_equal": same, "max_probability_difference": round(difference, 7)}


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
        metrics={**metrics, "onnx_agreement": agreement},
        training_shares=training_shares(dataset),
        dataset_digest=run.load("dataset", step="split")["digest"],
        seed=plan.seed,
        files={path.name: sha256_of(path) for path in sorted(folder.iterdir())},
        golden=_golden(network, plan, calibration["temperature"]),
    )


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
