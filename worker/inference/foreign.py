"""How foreign an image is to the training photographs: scores on features or logits. numpy alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelInvalidError
from common.manifest import OodRule
from worker.inference.runtime import Floats, NetworkOutput

# Distance to the k-th nearest training photograph (Sun et al. 2022); one alone could be an outlier itself.
_NEIGHBOURS = 5

Arrays = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True)
class ForeignScore:
    """Score images; higher is more foreign.

    Attributes:
        kind: `mahalanobis`, `knn` or `energy`.
        arrays: mahalanobis: `projection` [D, K] and `means` [L, K]; knn: `bank` [M, D] of unit rows; energy: none.
    """

    kind: str
    arrays: Arrays

    def of(self, output: NetworkOutput) -> Floats:
        """Score each row of a network's output, float32 [N]."""
        if self.kind == "energy":
            return _energy(output.logits)
        unit = unit_rows(output.features)
        return _knn(unit, self.arrays["bank"]) if self.kind == "knn" else _mahalanobis(unit, self.arrays)

    @classmethod
    def load(cls, folder: Path, rule: OodRule, *, version: str) -> "ForeignScore":
        """Load the score of a version.

        Raises:
            ModelInvalidError: The file of the rule does not hold its arrays.
        """
        if rule.file is None:
            return cls(rule.kind, {})
        needed = {"mahalanobis": {"projection", "means"}, "knn": {"bank"}, "energy": set()}[rule.kind]
        try:
            # allow_pickle=False: arrays only, no code.
            with np.load(folder / rule.file, allow_pickle=False) as stored:
                arrays = {name: stored[name].astype(np.float32) for name in stored.files}
        except (OSError, ValueError) as error:
            raise ModelInvalidError(f"{rule.file} of model version {version!r} cannot be read.") from error
        if missing := needed - arrays.keys():
            raise ModelInvalidError(f"{rule.file} of model version {version!r} lacks {sorted(missing)}.")
        return cls(rule.kind, arrays)


def unit_rows(features: NDArray[np.floating]) -> Floats:
    """Scale each row to length one; distances between features mean more on the sphere (Mueller and Hein 2025)."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    rows: Floats = (features / np.maximum(lengths, 1e-12)).astype(np.float32)
    return rows


def _energy(logits: Floats) -> Floats:
    # Liu et al. 2020, at temperature one.
    top = logits.max(axis=1)
    scores: Floats = -(top + np.log(np.exp(logits - top[:, None]).sum(axis=1))).astype(np.float32)
    return scores


def _knn(unit: Floats, bank: NDArray[np.floating]) -> Floats:
    similarity = unit @ bank.T
    # A bank of fewer photographs has only so many neighbours.
    place = -min(_NEIGHBOURS, similarity.shape[1])
    kth = np.partition(similarity, place, axis=1)[:, place]
    scores: Floats = (1 - kth).astype(np.float32)
    return scores


def _mahalanobis(unit: Floats, arrays: Arrays) -> Floats:
    projected = unit @ arrays["projection"]
    distances = ((projected[:, None, :] - arrays["means"][None]) ** 2).sum(axis=2)
    scores: Floats = distances.min(axis=1).astype(np.float32)
    return scores
