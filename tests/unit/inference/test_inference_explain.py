"""Heat maps: they lie where the evidence lies, and they depend on the weights (the randomisation test)."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from PIL import Image
from torch import nn

from common.images import ImageLimits
from common.manifest import Preprocessing
from common.model_store import ModelStore
from worker.inference.explain import heat, overlay
from worker.inference.networks import Network, build
from worker.inference.predictor import load_predictor

LIMITS = ImageLimits(max_bytes=10_000_000, max_pixels=10_000_000, min_edge=1)


def test_heat_lies_where_the_evidence_lay_in_the_letterbox(preprocessing: Preprocessing) -> None:
    evidence = np.zeros((32, 32), np.float32)
    evidence[10:13, 4:7] = 3.0
    found = heat(evidence, (320, 160), preprocessing)
    assert found.shape == (160, 320)
    rows, columns = np.nonzero(found > 0.9)
    # Cells 10 to 12 and 4 to 6 of a square whose picture begins in row 8, ten pixels a cell.
    assert (rows.mean(), columns.mean()) == pytest.approx(((11.5 - 8) * 10, 5.5 * 10), abs=2)
    assert found.max() == pytest.approx(1.0)


def test_evidence_against_the_label_is_no_heat(preprocessing: Preprocessing) -> None:
    assert heat(np.full((7, 7), -2.0, np.float32), (40, 40), preprocessing).max() == 0.0


def test_an_overlay_is_a_jpeg_of_the_picture_warmer_at_the_evidence(preprocessing: Preprocessing, photo) -> None:  # type: ignore[no-untyped-def]
    evidence = np.zeros((8, 8), np.float32)
    evidence[:, :3] = 1.0
    data = overlay(photo((60, 60, 60), (200, 200)), evidence, preprocessing, max_edge=100, limits=LIMITS)
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image, dtype=int)
    assert pixels.shape == (100, 100, 3)
    assert pixels[:, :20, 0].mean() > pixels[:, 80:, 0].mean() + 40


class TinyBackbone(nn.Module):
    """Features are the mean of each colour channel."""

    def forward_features(self, batch: torch.Tensor) -> torch.Tensor:
        return batch

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.forward_features(batch).mean(dim=(2, 3))


def test_evidence_adds_up_to_the_logits() -> None:
    network = Network(TinyBackbone(), num_features=3, num_labels=2)
    batch = torch.rand(2, 3, 8, 8)
    evidence = network.evidence(batch)
    assert evidence is not None
    assert torch.allclose(evidence.mean(dim=(2, 3)) + network.head.bias, network(batch)[0], atol=1e-5)


@pytest.mark.parametrize("architecture", ["timm:tf_efficientnet_lite0", "timm:test_efficientnet"])
def test_the_evidence_is_the_grad_cam_of_a_kept_library_up_to_a_constant(architecture: str) -> None:
    torch.manual_seed(0)
    network = build(architecture, 3).eval()
    batch = torch.rand(2, 3, 96, 96)
    evidence = network.evidence(batch)
    assert evidence is not None
    last: nn.Module = network.backbone.bn2  # type: ignore[assignment]
    for label in range(3):
        expected = LayerGradCam(lambda inputs: network(inputs)[0], last).attribute(batch, target=label)[:, 0]
        found = evidence[:, label].detach()
        ratio = (found * expected).sum() / (expected * expected).sum()
        assert ratio > 0
        assert torch.allclose(found, ratio * expected.detach(), atol=1e-4 * float(found.abs().max()))


def test_a_network_that_does_not_end_in_a_mean_has_no_evidence() -> None:
    network = build("torchvision:mobilenet_v3_small", 3).eval()
    assert network.evidence(torch.zeros(1, 3, 64, 64)) is None


def test_other_weights_give_another_heat_map() -> None:
    """Adebayo et al. 2018: a map that survives random weights explains the picture, not the network."""
    torch.manual_seed(0)
    batch = torch.rand(1, 3, 96, 96)
    maps = []
    for _ in range(2):
        found = build("timm:test_efficientnet", 3).eval().evidence(batch)
        assert found is not None
        maps.append(found[0, 0].detach().numpy().ravel())
    assert abs(np.corrcoef(maps[0], maps[1])[0, 1]) < 0.7


def test_the_serving_model_explains_itself(repository: Path, photo) -> None:  # type: ignore[no-untyped-def]
    store = ModelStore(repository / "model_store")
    if not (store.root / "current").is_file():
        pytest.skip("the model store holds no current version")
    predictor = load_predictor(store, runtime="onnx")
    data = photo((200, 120, 120), (300, 200))
    for label in (None, predictor.labels[0]):
        picture = predictor.explain(data, label=label, max_edge=150)
        if picture is None:
            pytest.skip("this version was exported without evidence")
        with Image.open(io.BytesIO(picture)) as image:
            assert image.size == (150, 100)
