"""Starting weights, augmentation and figures: the network side of training."""

from pathlib import Path

import click
import numpy as np
import pytest
import torch

from common.errors import ModelInvalidError
from training.augment import Augmentation, augment
from training.measure import confusion, f1_scores, macro_f1
from training.plan import FitPlan
from training.weights import load_backbone_weights
from worker.inference.networks import build

LITE0 = "timm:tf_efficientnet_lite0"


def test_the_packaged_weights_fit_every_layer_and_recognise_an_edge() -> None:
    network = build(LITE0, 3)
    before = {name: value.clone() for name, value in network.backbone.state_dict().items()}
    load_backbone_weights(network.backbone, LITE0, "package")
    after = network.backbone.state_dict()
    unchanged = [name for name, value in after.items() if torch.equal(before[name], value)]
    assert all(name.endswith("num_batches_tracked") for name in unchanged)


def test_weights_that_do_not_fit_are_refused_in_words(tmp_path: Path) -> None:
    torch.save({"conv_stem.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(click.UsageError, match="do not fit"):
        load_backbone_weights(build(LITE0, 3).backbone, LITE0, str(tmp_path / "other.pt"))


def test_an_architecture_without_a_package_says_what_else_to_give() -> None:
    with pytest.raises(click.UsageError, match="--weights FILE"):
        load_backbone_weights(build("timm:test_efficientnet", 3).backbone, "timm:test_efficientnet", "package")


def test_random_weights_need_nothing() -> None:
    network = build("timm:test_efficientnet", 3)
    load_backbone_weights(network.backbone, "timm:test_efficientnet", "random")
    logits, features = network.eval()(torch.zeros(2, 3, 32, 32))
    assert logits.shape == (2, 3)
    assert features.shape[0] == 2


def test_an_unknown_architecture_is_an_invalid_model() -> None:
    with pytest.raises(ModelInvalidError, match="no network"):
        build("timm:no_such_network", 3)


def test_torchvision_networks_can_be_built_beside_a_cpu_torch() -> None:
    logits, features = build("torchvision:mobilenet_v3_small", 5).eval()(torch.zeros(1, 3, 64, 64))
    assert logits.shape == (1, 5)
    assert features.shape == (1, 1024)


def test_the_same_chance_makes_the_same_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    one, other = (augment(pixels, Augmentation(), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(np.asarray(one), np.asarray(other))


def test_augmented_aspect_ratios_no_longer_tell_where_a_picture_came_from() -> None:
    wide = np.zeros((90, 200, 3), dtype=np.uint8)
    sizes = [augment(wide, Augmentation(), np.random.default_rng(seed)).size for seed in range(60)]
    aspects = [width / height for width, height in sizes]
    assert min(aspects) < 1.1
    assert max(aspects) > 2.0
    assert min(min(size) for size in sizes) >= 8


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (9, 9)])
def test_even_tiny_pictures_survive_augmentation(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 90, dtype=np.uint8)
    pictures = [augment(pixels, Augmentation(), np.random.default_rng(seed)) for seed in range(30)]
    assert all(picture.mode == "RGB" and min(picture.size) >= 1 for picture in pictures)


def test_figures_agree_with_counting_by_hand() -> None:
    truth, guesses = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    assert confusion(truth, guesses, 3).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert f1_scores(truth, guesses, 3).tolist() == pytest.approx([0.5, 0.8, 0.0])
    assert macro_f1(truth, guesses, 3) == pytest.approx(1.3 / 3)


def test_a_label_neither_present_nor_guessed_does_not_count() -> None:
    assert macro_f1(np.array([0, 1]), np.array([0, 1]), 3) == 1.0


def test_lite_networks_keep_the_scale_they_were_trained_with() -> None:
    assert FitPlan().preprocessing.mean == (127.0, 127.0, 127.0)
    assert FitPlan(architecture="timm:resnet18").preprocessing.std[0] == pytest.approx(58.395)
