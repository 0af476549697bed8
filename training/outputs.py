"""What a network answers on a split: computed once as a worker does, by the runtime that serves, then only read."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from common.model_store import sha256_of
from training.atomic import content_digest, whole
from training.dataset import Sample
from training.index import first_few
from training.inputs import served_inputs
from training.pixels import why_unreadable
from training.plan import FitPlan
from training.progress import track, warn
from training.run import Run
from training.served import answers
from training.shortcuts import CHANGES
from worker.inference.networks import Network
from worker.inference.onnx_runtime import OnnxRuntime

Floats = NDArray[np.float32]

# Images a forward pass: larger ones gain nothing on a CPU.
_PORTION = 32


@dataclass(frozen=True)
class SplitOutputs:
    """Answers on a split, row by row beside its samples.

    Attributes:
        samples: The images.
        truth: Label index of each.
        logits: float32 [N, L].
        features: float32 [N, D].
    """

    samples: list[Sample]
    truth: NDArray[np.int64]
    logits: Floats
    features: Floats

    def where(self, mask: NDArray[np.bool_]) -> "SplitOutputs":
        """Keep the rows of a mask."""
        kept = [sample for sample, keep in zip(self.samples, mask, strict=True) if keep]
        return SplitOutputs(kept, self.truth[mask], self.logits[mask], self.features[mask])

    @property
    def originals(self) -> "SplitOutputs":
        """Keep the images that the source had not changed."""
        return self.where(np.array([sample.kind == "original" for sample in self.samples], dtype=bool))

    @property
    def groups(self) -> list[str]:
        """Group of each row; an ungrouped image is its own."""
        return [sample.group or sample.file for sample in self.samples]


def compute(network: Network, inputs: Iterable[Floats]) -> tuple[Floats, Floats]:
    """Compute logits [N, L] and features [N, D] of inputs float32 [3, H, W] by torch, in portions."""
    parts = []
    remaining = iter(inputs)
    with torch.inference_mode():
        while portion := list(islice(remaining, _PORTION)):
            batch = torch.from_numpy(np.stack(portion)).contiguous(memory_format=torch.channels_last)
            parts.append(network(batch))
    logits, features = (torch.cat([part[index] for part in parts]).numpy() for index in range(2))
    return logits, features


def split_outputs(run: Run, split: str, change: str = "") -> SplitOutputs:
    """Give a network's answers on a split, from the run's folder where they were computed before.

    Args:
        run: A fitted run.
        split: `train`, `val` or `test`.
        change: Name of a change of `training.shortcuts` made to every file; empty for none.
    """
    dataset = run.dataset()
    samples = dataset.of(split)
    truth = np.array([dataset.labels.index(sample.label) for sample in samples], dtype=np.int64)
    name = f"{split}-{change}" if change else split
    paths = [dataset.root / sample.file for sample in samples]
    logits, features = _stored(run, name, paths, CHANGES.get(change))
    return SplitOutputs(samples, truth, logits, features)


def foreign_kinds(folder: Path) -> dict[str, list[Path]]:
    """List the files in each sub folder of a folder of foreign images.

    Raises:
        click.UsageError: There are none.
    """
    kinds = {
        kind.name: sorted(path for path in kind.iterdir() if path.is_file() and not path.name.startswith("."))
        for kind in sorted(folder.iterdir())
        if kind.is_dir() and not kind.name.startswith(".")
    }
    found = {name: paths for name, paths in kinds.items() if paths}
    if not found:
        raise click.UsageError(
            f"{folder} holds no sub folder with images: it needs one a kind, such as FOLDER/cats/*.jpg."
        )
    return found


def folder_outputs(run: Run, folder: Path) -> dict[str, tuple[Floats, Floats]]:
    """Give a network's logits and features of the images in each sub folder of a folder; name what is no image.

    Raises:
        click.UsageError: There is none.
    """
    found = {}
    for kind, paths in foreign_kinds(folder).items():
        reasons = {path: why_unreadable(path) for path in paths}
        if broken := [f"{kind}/{path.name}" for path, reason in reasons.items() if reason]:
            warn("left out", f"{len(broken)} that are no images: {first_few(broken)}")
        if readable := [path for path, reason in reasons.items() if not reason]:
            found[kind] = _stored(run, f"folder-{kind}", readable, None)
    if not found:
        raise click.UsageError(f"{folder} holds no image that can be read.")
    return found


def _stored(run: Run, name: str, paths: list[Path], change: Callable[[bytes], bytes] | None) -> tuple[Floats, Floats]:
    stored = run.folder / f"outputs-{name}.npz"
    plan = run.plan()
    key = _key(run, plan, paths)
    if not _holds(stored, key):
        inputs = served_inputs(track(paths, name, len(paths)), plan.preprocessing, change)
        logits, features = answers(run, inputs)
        with whole(stored) as part, part.open("wb") as file:
            np.savez(file, key=key, logits=logits, features=features)
    with np.load(stored, allow_pickle=False) as arrays:
        return arrays["logits"], arrays["features"]


def _key(run: Run, plan: FitPlan, paths: list[Path]) -> str:
    # Answers of another runtime, or of another version of it, are others: the manifest names that which gave them.
    runtime = f"{OnnxRuntime.name} {onnxruntime.__version__}"
    parts = (runtime, sha256_of(run.fitted_weights), plan.preprocessing.digest, content_digest(paths))
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _holds(stored: Path, key: str) -> bool:
    if not stored.is_file():
        return False
    with np.load(stored, allow_pickle=False) as arrays:
        return "key" in arrays and str(arrays["key"]) == key
