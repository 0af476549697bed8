"""Features of the starting network, before any training."""

from training.dataset import Dataset
from training.inputs import served_inputs
from training.outputs import Floats, compute
from training.plan import FitPlan
from training.progress import track
from training.weights import load_backbone_weights
from worker.inference.networks import build


def starting_features(dataset: Dataset, plan: FitPlan) -> Floats:
    """Compute features float32 [N, D] of every image with the weights that training starts from."""
    network = build(plan.architecture, len(dataset.labels)).eval()
    load_backbone_weights(network.backbone, plan.architecture, plan.weights)
    paths = [dataset.root / sample.file for sample in dataset.samples]
    return compute(network, served_inputs(track(paths, "starting features", len(paths)), plan.preprocessing))[1]
