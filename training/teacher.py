"""A teacher: a larger network that never serves, and from whose view of the photographs the student learns besides."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from common.manifest import Preprocessing
from training.atomic import content_digest, whole
from training.dataset import Dataset, Sample
from training.dinov2 import packaged_dinov2
from training.inputs import served_inputs
from training.plan import IMAGENET_SCALE, FitPlan
from training.probe import answer_by_probe
from training.progress import track
from training.run import Run
from training.start import starting_features
from worker.inference.calibration import probabilities
from worker.inference.networks import build

Floats = NDArray[np.float32]

# What it saw of the photographs: computed once for a run.
TEACHER_FILE = "teacher.npz"

_ARCHITECTURE = "timm:vit_small_patch14_dinov2"
_EDGE = 224
_FOLDS = 5

# Best of 3e-4 to 3e-2 on validation: these features are fewer and need less of a penalty than the student's.
_INVERSE_PENALTY = 1e-2

# The mean of two views is less sure than it may be: best of 0.6 to 1.2 on the folds.
_TEMPERATURE = 0.8


@dataclass(frozen=True)
class Lessons:
    """What a teacher says of each training photograph.

    Attributes:
        probabilities: float32 [N, L], each by a classifier that has not seen the photograph's group.
        features: float32 [N, D], of unit variance.
    """

    probabilities: Floats
    features: Floats

    def beside(self, targets: Floats, share: float) -> Floats:
        """Blend the probabilities into targets [N, L], and append the features: [N, L + D]."""
        return np.concatenate([(1 - share) * targets + share * self.probabilities, self.features], axis=1)


def lessons(run: Run, plan: FitPlan, dataset: Dataset, samples: list[Sample]) -> Lessons:
    """Let the teacher look at the training photographs as they are.

    Two linear classifiers, on the teacher's features and on those the student starts from, answer each photograph out
    of fold; their mean is surer of clean labels than of doubtful ones, where the labels themselves are not.
    """
    truth = np.array([dataset.labels.index(sample.label) for sample in samples])
    groups = [sample.group or sample.file for sample in samples]
    chosen = dataset.with_samples(samples)
    features = _stored(run, chosen)
    views = (
        out_of_fold(starting_features(chosen, plan), truth, groups),
        out_of_fold(features, truth, groups, inverse_penalty=_INVERSE_PENALTY),
    )
    logits = np.mean([np.log(probabilities(view, 1.0) + 1e-9) for view in views], axis=0)
    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    return Lessons(probabilities(logits, _TEMPERATURE), np.clip(scaled, -4, 4).astype(np.float32))


def out_of_fold(features: Floats, truth: NDArray[np.integer], groups: list[str], **options: float) -> Floats:
    """Compute logits [N, L] of a linear classifier for each row by one that was fitted without the row's group.

    Args:
        features: float32 [N, D].
        truth: Label index of each row.
        groups: Group of each row.
        options: Of `fit_probe`.
    """
    folds = GroupKFold(min(_FOLDS, len(set(groups))), shuffle=True, random_state=0)
    count = int(truth.max()) + 1
    logits = np.empty((len(truth), count), dtype=np.float32)
    for known, asked in folds.split(features, truth, groups):
        # A rare label may lie in one fold alone; the classifier of that fold then gives it nothing.
        of_known = [groups[index] for index in known]
        logits[asked] = answer_by_probe(
            features[known], truth[known], of_known, asked=features[asked], num_labels=count, **options
        )
    return logits


def _stored(run: Run, dataset: Dataset) -> Floats:
    path = run.folder / TEACHER_FILE
    key = f"{_ARCHITECTURE} {_EDGE} {content_digest(dataset.root / sample.file for sample in dataset.samples)}"
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            if "key" in stored and str(stored["key"]) == key:
                return np.asarray(stored["features"], dtype=np.float32)
    features = _teacher_features(dataset)
    with whole(path) as part, part.open("wb") as file:
        np.savez(file, key=key, features=features)
    return features


def _teacher_features(dataset: Dataset) -> Floats:
    network: Any = build(_ARCHITECTURE, len(dataset.labels)).backbone
    network.load_state_dict(packaged_dinov2())
    network.set_input_size(img_size=_EDGE)
    network.eval()
    mean, std = IMAGENET_SCALE
    preprocessing = Preprocessing(input_size=_EDGE, decode_edge=_EDGE, mean=mean, std=std)
    paths = [dataset.root / sample.file for sample in dataset.samples]
    found = []
    with torch.inference_mode():
        for single in served_inputs(track(paths, "teacher", len(paths)), preprocessing):
            tokens = network.forward_features(torch.from_numpy(single)[None])
            # The class token sees the scene, the mean of the patches its matter.
            found.append(torch.cat([tokens[0, 0], tokens[0, 1:].mean(dim=0)]).numpy())
    return np.stack(found)
