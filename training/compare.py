"""Two versions side by side on the same images, as a worker serves them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from common.jobs.record import Outcome
from common.model_store import ModelStore
from training.bootstrap import interval
from training.dataset import Dataset, read_dataset
from training.index import INDEX_NAME
from training.measure import f1_scores
from training.pixels import readable
from training.progress import track
from training.run import Run
from worker.inference.prediction import Prediction
from worker.inference.predictor import Predictor, load_predictor


@dataclass(frozen=True)
class Comparison:
    """How two versions answer the same images.

    Attributes:
        versions: Their names.
        images: How many images both answered.
        macro_f1: Of each.
        gain: Macro-F1 of the second less that of the first.
        gain_interval: 95 %, by resampling groups; the same resamples for both.
        same_label: Share of images with the same top label.
        answered: Share answered of each.
    """

    versions: tuple[str, str]
    images: int
    macro_f1: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
    same_label: float
    answered: tuple[float, float]


@dataclass(frozen=True)
class KnownSplit:
    """A data set whose split somebody fixed.

    Attributes:
        dataset: Every sample has a split.
        source: Who fixed it.
        run: The run that did; None where the index did.
    """

    dataset: Dataset
    source: str
    run: Run | None = None


def known_split(data: Path, run: Run, *, run_given: bool) -> KnownSplit:
    """Find the split that versions were made with; one by chance would test them on what they learned from.

    Args:
        data: Folder of the data set.
        run: A run that may have split it.
        run_given: Whether the run was named on purpose.

    Raises:
        click.UsageError: Nobody has split this folder.
    """
    if (run.folder / "dataset.json").is_file():
        dataset = run.dataset()
        if dataset.root == data.resolve():
            return KnownSplit(dataset, f"the split of {run.folder}", run)
    if not run_given:
        dataset = read_dataset(data)
        if all(sample.split for sample in dataset.samples):
            return KnownSplit(dataset, f"the split of {data / INDEX_NAME}")
    raise click.UsageError(
        f"{run.folder} holds no split of {data}"
        + ("" if run_given else f", and {INDEX_NAME} there does not name the split of every image")
        + ". Give --run the folder of the run that the versions come from."
    )


def made_otherwise(known: KnownSplit, store: ModelStore, versions: Sequence[str]) -> list[str]:
    """Name the versions that were made of other photographs or another split: they may have learned from these."""
    digests = {known.dataset.digest}
    manifests = [store.manifest(version) for version in versions]
    if any(manifest.dataset_digest not in digests for manifest in manifests) and known.run is None:
        # A run leaves out what it cannot read.
        digests.add(readable(known.dataset)[0].digest)
    return [manifest.version for manifest in manifests if manifest.dataset_digest not in digests]


def compare_versions(dataset: Dataset, store: ModelStore, versions: tuple[str, str], *, split: str) -> Comparison:
    """Let two versions answer one split.

    Args:
        dataset: Every sample has a split.
        store: Holds both versions.
        versions: Their names.
        split: `val` or `test`.

    Raises:
        click.UsageError: The split has no image.
    """
    if not dataset.of(split):
        raise click.UsageError(f"{dataset.root} has no image in the split {split}: there is nothing to compare on.")
    first, second = (_answers(load_predictor(store, runtime="onnx", version=v), dataset, split) for v in versions)
    truth = np.array([dataset.labels.index(sample.label) for sample in dataset.of(split)])
    groups = [sample.group or sample.file for sample in dataset.of(split)]
    count = len(dataset.labels)

    def score(guesses: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
        # One label more than the data set has: answers that it does not know, never right and not averaged in.
        return float(np.nanmean(f1_scores(truth[rows], guesses[rows], count + 1)[:count]))

    def gain(rows: NDArray[np.int64]) -> float:
        return score(second[0], rows) - score(first[0], rows)

    everything = np.arange(len(truth))
    return Comparison(
        versions=versions,
        images=len(truth),
        macro_f1=(score(first[0], everything), score(second[0], everything)),
        gain=gain(everything),
        gain_interval=interval(groups, gain, seed=0),
        same_label=float(np.mean(first[0] == second[0])),
        answered=(float(first[1].mean()), float(second[1].mean())),
    )


def _answers(predictor: Predictor, dataset: Dataset, split: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    unknown = len(dataset.labels)
    index_of = {label: index for index, label in enumerate(dataset.labels)}
    samples = dataset.of(split)
    guesses, answered = [], []
    for sample in track(samples, predictor.version, len(samples)):
        (result,) = predictor.predict([(dataset.root / sample.file).read_bytes()])
        if isinstance(result, Prediction):
            guesses.append(index_of.get(predictor.labels[int(np.argmax(result.probabilities))], unknown))
            answered.append(result.outcome is Outcome.ANSWERED)
        else:
            guesses.append(unknown)
            answered.append(False)
    return np.array(guesses), np.array(answered)
