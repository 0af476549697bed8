"""A trained network as it serves: the ONNX file of a run's weights, and what the worker's runtime answers with it."""

import hashlib
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from common.manifest import Preprocessing
from common.model_store import sha256_of
from training.atomic import whole
from training.plan import FitPlan
from training.run import Run
from worker.inference.networks import ExplainedNetwork, Network, build
from worker.inference.onnx_runtime import BATCH_AXIS, ONNX_FILE, OnnxRuntime

Floats = NDArray[np.float32]

# Old enough for every ONNX Runtime since 1.13, new enough for every layer that classifiers use.
_OPSET: Final = 17


def trained_network(run: Run, plan: FitPlan, num_labels: int) -> Network:
    """Load the network that a run trained, in float32."""
    network = build(plan.architecture, num_labels)
    weights = load_file(run.fitted_weights)
    network.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in weights.items()})
    return network.eval()


def onnx_file(run: Run) -> Path:
    """Give the ONNX file of a run's present weights and input size: the one that is measured is the one that serves."""
    plan = run.plan()
    writer = f"opset {_OPSET}, torch {torch.__version__}"
    made_of = f"{sha256_of(run.fitted_weights)} {plan.preprocessing.digest} {writer}"
    path = run.folder / f"onnx-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}" / ONNX_FILE
    if not path.is_file():
        for outdated in run.folder.glob("onnx-*"):
            shutil.rmtree(outdated)
        path.parent.mkdir()
        with whole(path) as part:
            write_onnx(trained_network(run, plan, len(run.dataset().labels)), part, plan.preprocessing)
    return path


def answers(run: Run, inputs: Iterable[Floats]) -> tuple[Floats, Floats]:
    """Compute logits [N, L] and features [N, D] of inputs float32 [3, H, W] by the runtime that serves."""
    runtime = OnnxRuntime(onnx_file(run).parent)
    rows = [runtime.run([single]) for single in inputs]
    return np.concatenate([row.logits for row in rows]), np.concatenate([row.features for row in rows])


def write_onnx(network: Network, path: Path, preprocessing: Preprocessing) -> None:
    """Write a network as ONNX: `input` [batch, 3, H, W] to `logits`, `features` and, where it has one, `evidence`."""
    example = torch.zeros(1, 3, preprocessing.input_size, preprocessing.input_size)
    network.eval()
    with torch.inference_mode():
        explained = network.evidence(example) is not None
    outputs = ["logits", "features", "evidence"] if explained else ["logits", "features"]
    with warnings.catch_warnings():
        # The successor needs onnxscript and gives the same graph here; torch 2.13 still ships this one.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            ExplainedNetwork(network).eval() if explained else network,
            (example,),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["input"],
            output_names=outputs,
            dynamic_axes={name: {0: BATCH_AXIS} for name in ["input", *outputs]},
        )
