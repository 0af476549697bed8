"""What a network answers on a split: computed once by the served path, then only read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from training.dataset import Sample
from training.inputs import served_inputs
from training.plan import FitPlan
from training.progress import track
from training.run import Run
from worker.inference.networks import Network, build

Floats = NDArray[np.float32]


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


def trained_network(run: Run, plan: FitPlan, num_labels: int) -> Network:
    """Load the network that a run trained, in float32."""
    network = build(plan.architecture, num_labels)
    weights = load_file(run.weights)
    network.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in weights.items()})
    return network.eval()


def compute(network: Network, inputs: torch.Tensor) -> tuple[Floats, Floats]:
    """Compute logits [N, L] and features [N, D] of inputs [N, 3, H, W]."""
    portions = torch.split(inputs, 32)
    with torch.inference_mode():
        parts = [
            network(part.contiguous(memory_format=torch.channels_last))
            for part in track(portions, "computing", len(portions))
        ]
    logits, features = (torch.cat([part[index] for part in parts]).numpy() for index in range(2))
    return logits, features


def split_outputs(run: Run, split: str) -> SplitOutputs:
    """Give a network's answers on a split, from the run's folder where they were computed before."""
    dataset, plan = run.dataset(), run.plan()
    samples = dataset.of(split)
    truth = np.array([dataset.labels.index(sample.label) for sample in samples], dtype=np.int64)
    path = run.folder / f"outputs-{split}.npz"
    if not _is_fresh(path, run.weights):
        network = trained_network(run, plan, len(dataset.labels))
        logits, features = compute(network, served_inputs(dataset.root, samples, plan.preprocessing))
        np.savez(path, logits=logits, features=features)
    with np.load(path, allow_pickle=False) as stored:
        return SplitOutputs(samples, truth, stored["logits"], stored["features"])


def _is_fresh(path: Path, source: Path) -> bool:
    return path.is_file() and path.stat().st_mtime >= source.stat().st_mtime
