"""Groups of near-identical photographs, found where nobody named them.

Rotated, mirrored, cropped and re-coloured copies leave the split by group its only defence against leakage, and a
perceptual hash misses the rotated ones. Features of the starting network propose neighbours; SIFT keypoints (Lowe 2004)
that agree on one similarity transform, of the picture or of its mirror image, confirm them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.dataset import Dataset, Sample
from training.measure import Floats
from training.pixels import Pixels, load_pixels
from training.progress import track

# On photographs whose groups are known, the groups stay the same from 8 to 20 agreeing keypoints.
_MIN_INLIERS = 12

# Twenty neighbours connect 97 % of the known groups, ten 95 %.
_NEIGHBOURS = 12

_EDGE = 320
_MAX_KEYPOINTS = 300

# Lowe's ratio: a match counts only if the second best is clearly worse.
_RATIO = 0.8


@dataclass(frozen=True)
class _Keypoints:
    places: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    mirrored_places: NDArray[np.float32]
    mirrored_descriptors: NDArray[np.float32]


def group_duplicates(dataset: Dataset, features: Floats) -> Dataset:
    """Give samples without a group the group of their near-identical photographs.

    Args:
        dataset: Samples that have a group keep it.
        features: float32 [N, D] of each sample, from any network.
    """
    open_places = [index for index, sample in enumerate(dataset.samples) if not sample.group]
    if not open_places:
        return dataset
    loaded = load_pixels(dataset.root, dataset.samples, longest_edge=_EDGE)
    keypoints = {
        sample.file: _keypoints(pixels)
        for sample, pixels in zip(loaded.samples, track(loaded.pixels, "keypoints", len(loaded.pixels)), strict=True)
    }
    parents = list(range(len(dataset.samples)))
    pairs = list(_candidates(features, set(open_places)))
    for first, second in track(pairs, "comparing", len(pairs)):
        one, other = (keypoints.get(dataset.samples[index].file) for index in (first, second))
        if _root(parents, first) != _root(parents, second) and one and other and _same_scene(one, other):
            parents[_root(parents, second)] = _root(parents, first)
    return dataset.with_samples(_named(dataset.samples, parents))


def describe_groups(dataset: Dataset) -> str:
    """Say how many groups there are, how large they get, and how many hold several labels."""
    labels_of: dict[str, set[str]] = {}
    for sample in dataset.samples:
        labels_of.setdefault(sample.group, set()).add(sample.label)
    sizes = Counter(sample.group for sample in dataset.samples)
    mixed = sum(len(labels) > 1 for labels in labels_of.values())
    return f"{len(sizes)} groups, the largest of {max(sizes.values())} images, {mixed} of them under several labels"


def _named(samples: tuple[Sample, ...], parents: list[int]) -> Iterator[Sample]:
    known = {_root(parents, index): sample.group for index, sample in enumerate(samples) if sample.group}
    for index, sample in enumerate(samples):
        root = _root(parents, index)
        yield sample if sample.group else replace(sample, group=known.get(root, f"found-{samples[root].file}"))


def _candidates(features: Floats, open_places: set[int]) -> Iterator[tuple[int, int]]:
    centred = features - features.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    seen = set()
    count = min(_NEIGHBOURS, len(unit) - 1)
    for index in range(len(unit)):
        similarity = unit @ unit[index]
        similarity[index] = -np.inf
        for neighbour in np.argpartition(-similarity, count - 1)[:count]:
            pair = (min(index, int(neighbour)), max(index, int(neighbour)))
            if pair not in seen and (pair[0] in open_places or pair[1] in open_places):
                seen.add(pair)
                yield pair


def _keypoints(pixels: Pixels) -> _Keypoints:
    # Mirroring a picture does more than mirror its keypoints: SIFT descriptors have a sense of rotation.
    picture = Image.fromarray(pixels).convert("L")
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _Keypoints(*_detect(np.asarray(picture)), *_detect(np.asarray(mirrored)))


def _detect(grey: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    detector: Any = cv2.SIFT_create(nfeatures=_MAX_KEYPOINTS)  # type: ignore[attr-defined]
    found, descriptors = detector.detectAndCompute(grey, None)
    if descriptors is None:
        return np.empty((0, 2), np.float32), np.empty((0, 128), np.float32)
    # RootSIFT (Arandjelovic and Zisserman 2012): better matches at no cost.
    descriptors /= np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-7)
    return np.array([point.pt for point in found], np.float32), np.sqrt(descriptors)


def _same_scene(one: _Keypoints, other: _Keypoints) -> bool:
    return any(
        _agreeing(one.places, one.descriptors, places, descriptors) >= _MIN_INLIERS
        for places, descriptors in (
            (other.places, other.descriptors),
            (other.mirrored_places, other.mirrored_descriptors),
        )
    )


def _agreeing(places: Floats, descriptors: Floats, other_places: Floats, other_descriptors: Floats) -> int:
    if min(len(places), len(other_places)) < _MIN_INLIERS:
        return 0
    # Unit vectors: the nearest has the largest product.
    products = descriptors @ other_descriptors.T
    best = products.argmax(axis=1)
    rows = np.arange(len(products))
    top = products[rows, best]
    mutual = products.argmax(axis=0)[best] == rows
    rest = products.copy()
    rest[rows, best] = -1
    distance, second = np.sqrt(np.maximum(0, 2 - 2 * top)), np.sqrt(np.maximum(0, 2 - 2 * rest.max(axis=1)))
    kept = np.flatnonzero(mutual & (distance < _RATIO * second))
    if len(kept) < _MIN_INLIERS:
        return 0
    estimate: Any = cv2.estimateAffinePartial2D
    _, inliers = estimate(places[kept], other_places[best[kept]], method=cv2.RANSAC, ransacReprojThreshold=4.0)
    return 0 if inliers is None else int(inliers.sum())


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index
