"""Network inputs of whole splits, made by the serving path from the files' own bytes."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from common.manifest import Preprocessing
from training.dataset import Sample
from training.pixels import Loaded
from training.progress import track
from worker.inference.decode import decode
from worker.inference.preprocess import preprocess


def stacked_inputs(loaded: Loaded, preprocessing: Preprocessing) -> Tensor:
    """Preprocess pictures in memory.

    Returns:
        float32 [N, 3, H, W].
    """
    pictures = map(Image.fromarray, loaded.pixels)
    return torch.from_numpy(np.stack([preprocess(picture, preprocessing) for picture in pictures]))


def served_inputs(root: Path, samples: list[Sample], preprocessing: Preprocessing) -> Tensor:
    """Decode and preprocess files exactly as a worker does.

    Returns:
        float32 [N, 3, H, W].
    """
    arrays = [decode((root / s.file).read_bytes(), preprocessing) for s in track(samples, "reading", len(samples))]
    return torch.from_numpy(np.stack(arrays))
