"""Networks by name: any timm or torchvision classifier as a backbone that gives features and a linear head on top."""

import importlib
import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.errors import ModelInvalidError

# What torchvision's import expects of its compiled part; no classifier calls either.
_COMPILED_OPERATORS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}

# torch removes operator schemas together with the library object that defined them.
_LIBRARIES: list[torch.library.Library] = []


class Network(nn.Module):
    """Compute features by a backbone and logits by a linear layer on them.

    Args:
        backbone: Maps float32 [N, 3, H, W] to pooled features [N, D].
        num_features: D.
        num_labels: How many logits.
    """

    def __init__(self, backbone: nn.Module, *, num_features: int, num_labels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(num_features, num_labels)

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N, L] and features [N, D]."""
        features = self.backbone(batch)
        return self.head(features), features

    def evidence(self, batch: Tensor) -> Tensor | None:
        """Split the logits by place: float32 [N, L, h, w] whose mean over h and w, plus the bias, is the logits.

        A network that ends in a mean over places and a linear layer can be read in either order: this is its class
        activation map (Zhou et al. 2016), and up to a constant its Grad-CAM (Selvaraju et al. 2017, section 3.1),
        without a backward pass.

        Returns:
            None where the network ends otherwise.
        """
        to_maps: Any = getattr(self.backbone, "forward_features", None)
        maps = to_maps(batch) if to_maps is not None else None
        if not isinstance(maps, Tensor) or maps.dim() != 4 or maps.shape[1] != self.head.in_features:
            return None
        evidence = functional.conv2d(maps, self.head.weight[:, :, None, None])
        whole = evidence.mean(dim=(2, 3)) + self.head.bias
        return evidence if torch.allclose(whole, self.head(self.backbone(batch)), atol=1e-3) else None


class ExplainedNetwork(nn.Module):
    """Compute logits, features and the evidence by place in one pass, for export.

    Args:
        network: One whose `evidence` is not None.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits [N, L], features [N, D] and evidence [N, L, h, w]."""
        maps = self._network.backbone.forward_features(batch)  # type: ignore[operator]
        features = self._network.backbone.forward_head(maps)  # type: ignore[operator]
        evidence = functional.conv2d(maps, self._network.head.weight[:, :, None, None])
        return self._network.head(features), features, evidence


def build(architecture: str, num_labels: int) -> Network:
    """Build a network with random weights.

    Args:
        architecture: `timm:<name>` or `torchvision:<name>`.
        num_labels: How many logits.

    Raises:
        ModelInvalidError: The libraries have no such network.
    """
    family, _, name = architecture.partition(":")
    _import_torchvision()
    try:
        backbone, num_features = _BUILDERS[family](name)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelInvalidError(f"There is no network {architecture!r}: {error}") from error
    return Network(backbone, num_features=num_features, num_labels=num_labels)


def _build_timm(name: str) -> tuple[nn.Module, int]:
    timm: Any = importlib.import_module("timm")
    backbone = timm.create_model(name, pretrained=False, num_classes=0)
    # `num_features` differs from what comes out where the head has a layer of its own (MobileNetV3).
    return backbone, int(getattr(backbone, "head_hidden_size", None) or backbone.num_features)


def _build_torchvision(name: str) -> tuple[nn.Module, int]:
    models: Any = importlib.import_module("torchvision.models")
    backbone = models.get_model(name, weights=None)
    path, last = [(path, module) for path, module in backbone.named_modules() if isinstance(module, nn.Linear)][-1]
    parent, _, attribute = path.rpartition(".")
    setattr(backbone.get_submodule(parent), attribute, nn.Identity())
    return backbone, last.in_features


_BUILDERS = {"timm": _build_timm, "torchvision": _build_torchvision}


def _import_torchvision() -> None:
    # Its wheel links CUDA libraries: beside a CPU torch the compiled part does not load and the import (timm's too)
    # dies on the schemas above. Define them only then: beside a compiled part that works, that would be an error.
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for name, schema in _COMPILED_OPERATORS.items():
            library.define(name + schema)
        _LIBRARIES.append(library)
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        importlib.import_module("torchvision")
