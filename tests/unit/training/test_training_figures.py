"""Calibration, abstention, intervals, shortcuts and foreign images: figures checked against cases solved by hand."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.manifest import OodRule
from training.bootstrap import interval
from training.calibrate import abstain_threshold, fit_temperature, group_weights
from training.dataset import Sample
from training.evaluate import Thresholds, figures
from training.foreign import KINDS, fit_score, save_score, scores, threshold
from training.measure import calibration_error, risk_coverage, separation
from training.outputs import SplitOutputs
from training.probe import fit_probe
from training.shortcuts import CHANGES, reencoded
from worker.inference.calibration import probabilities
from worker.inference.foreign import ForeignScore
from worker.inference.runtime import NetworkOutput


def rows(*confidences: float) -> NDArray[np.float32]:
    return np.array([[value, 1 - value] for value in confidences], dtype=np.float32)


def split(count: int, *, dimension: int = 16, seed: int = 0, shift: float = 0.0) -> SplitOutputs:
    generator = np.random.default_rng(seed)
    truth = np.arange(count) % 2
    features = generator.normal(0, 0.1, (count, dimension)).astype(np.float32)
    features[:, 0] += 2
    features[np.arange(count), 1 + truth] += 1.5
    features[:, 5] += shift
    logits = (features[:, 1:3] * 3).astype(np.float32)
    samples = [Sample(f"{i}.jpg", "ab"[t], group=f"g{t}-{i // 4}") for i, t in enumerate(truth)]
    return SplitOutputs(samples, truth, logits, features)


def test_the_temperature_undoes_overconfidence() -> None:
    generator = np.random.default_rng(0)
    honest = generator.normal(0, 1.5, (4000, 3))
    chances = probabilities(honest.astype(np.float32), 1.0)
    truth = np.array([generator.choice(3, p=row / row.sum()) for row in chances.astype(float)])
    groups = [str(index) for index in range(len(truth))]
    assert fit_temperature(honest * 2.5, truth, groups) == pytest.approx(2.5, rel=0.08)


def test_groups_weigh_the_same_whatever_their_size() -> None:
    weights = group_weights(["a", "a", "a", "b"])
    assert weights.tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_what_is_answered_is_right_as_often_as_wanted() -> None:
    truth = np.array([0, 0, 0, 0, 1, 0, 1, 1])
    chances = rows(0.99, 0.97, 0.95, 0.93, 0.91, 0.8, 0.7, 0.6)
    limit = abstain_threshold(chances, truth, wanted=0.8)
    sure = chances.max(axis=1) >= limit
    assert sure.sum() == 6
    assert (chances.argmax(axis=1)[sure] == truth[sure]).mean() >= 0.8


def test_everything_is_answered_where_everything_is_right_enough() -> None:
    assert abstain_threshold(rows(0.9, 0.6), np.array([0, 0])) == 0.0


def test_nothing_is_answered_where_even_the_surest_answer_is_wrong() -> None:
    limit = abstain_threshold(rows(0.9, 0.6), np.array([1, 1]))
    assert limit > np.float32(0.9)


def test_calibration_error_is_the_gap_between_promise_and_truth() -> None:
    promise = rows(*[0.8] * 100)
    assert calibration_error(promise, np.array([0] * 80 + [1] * 20), bins=1) == pytest.approx(0.0, abs=1e-6)
    assert calibration_error(promise, np.array([0] * 50 + [1] * 50), bins=1) == pytest.approx(0.3, abs=1e-6)


def test_risk_and_coverage_begin_with_the_surest() -> None:
    share, accuracy = risk_coverage(rows(0.6, 0.9), np.array([1, 0]))
    assert share.tolist() == [0.5, 1.0]
    assert accuracy.tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("inside", "outside", "expected"),
    [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([1, 1], [1, 1], 0.5), ([1, 3], [2, 4], 0.75)],
)
def test_separation_is_the_area_under_the_roc(inside: list[float], outside: list[float], expected: float) -> None:
    assert separation(np.array(inside), np.array(outside)) == expected


def test_intervals_resample_groups_not_images() -> None:
    values = np.array([0.0] * 50 + [1.0] * 50)
    of_images = interval([str(i) for i in range(100)], lambda chosen: float(values[chosen].mean()), seed=1)
    of_groups = interval(["a"] * 50 + ["b"] * 50, lambda chosen: float(values[chosen].mean()), seed=1)
    assert of_images[0] > 0.35
    assert of_groups == (0.0, 1.0)


def test_a_split_is_measured_as_a_whole_and_without_augmented_copies() -> None:
    outputs = split(20)
    for sample in outputs.samples[10:]:
        object.__setattr__(sample, "kind", "augmented")
    found = figures(outputs, ("a", "b"), Thresholds())
    assert (found["all"]["images"], found["original"]["images"]) == (20, 10)
    assert found["all"]["macro_f1"] == 1.0
    assert found["all"]["macro_f1_interval"][1] == 1.0
    assert found["all"]["answered"] == {"share": 1.0, "accuracy": 1.0}
    assert found["all"]["confusion"] == [[10, 0], [0, 10]]


def test_an_empty_part_is_counted_and_nothing_else() -> None:
    found = figures(split(4).where(np.zeros(4, dtype=bool)), ("a", "b"), Thresholds())
    assert found["original"] == {"images": 0}


def test_a_probe_separates_what_a_line_separates() -> None:
    outputs = split(40)
    weight, bias = fit_probe(outputs.features, outputs.truth, outputs.groups)
    assert ((outputs.features @ weight.T + bias).argmax(axis=1) == outputs.truth).all()


@pytest.mark.parametrize("kind", ["mahalanobis", "knn"])
def test_images_unlike_the_training_ones_score_higher(kind: str) -> None:
    train, val, strange = split(200), split(60, seed=1), split(60, seed=2, shift=3.0)
    score = fit_score(kind, train, 2)
    limit = threshold(score, val)
    assert (scores(score, val) > limit).mean() <= 0.05
    assert (scores(score, strange) > limit).mean() > 0.95
    assert separation(scores(score, val), scores(score, strange)) > 0.99


def test_one_photograph_a_label_is_enough_for_a_score_that_is_a_number() -> None:
    found = scores(fit_score("mahalanobis", split(2), 2), split(8, seed=1))
    assert np.isfinite(found).all()


def test_energy_is_low_where_a_logit_is_high() -> None:
    score = ForeignScore("energy", {})
    found = score.of(NetworkOutput(np.array([[9.0, 0.0], [1.0, 0.0]], np.float32), np.zeros((2, 1), np.float32)))
    assert found[0] < found[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_score_gives_the_same_numbers(kind: str, tmp_path: Path) -> None:
    train = split(60)
    score = fit_score(kind, train, 2)
    file = save_score(score, tmp_path)
    rule = OodRule(kind=kind, threshold=0.0, file=file)  # type: ignore[arg-type]
    again = ForeignScore.load(tmp_path, rule, version="v")
    assert (scores(score, train) == scores(again, train)).all()


@pytest.mark.parametrize("name", sorted(CHANGES))
@pytest.mark.parametrize("size", [(40, 30), (300, 20), (3, 200)])
def test_every_shortcut_test_keeps_a_readable_picture(name: str, size: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 120, 0)).save(buffer, "PNG")
    with Image.open(io.BytesIO(CHANGES[name](buffer.getvalue()))) as image:
        assert image.format == "JPEG"
        assert min(image.size) >= 1


def test_reencoded_pictures_all_have_one_size() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 120, 0)).save(buffer, "PNG")
    with Image.open(io.BytesIO(reencoded(buffer.getvalue()))) as image:
        assert image.size == (256, 192)


def test_grey_balance_takes_the_cast_away() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 120, 40)).save(buffer, "PNG")
    with Image.open(io.BytesIO(CHANGES["grey_balanced"](buffer.getvalue()))) as image:
        red, green, blue = image.getpixel((5, 5))  # type: ignore[misc]
    assert max(red, green, blue) - min(red, green, blue) <= 3
