"""From logits to calibrated probabilities and an outcome: pure functions on arrays."""

import numpy as np

from common.jobs.record import Outcome
from common.manifest import Manifest
from worker.inference.runtime import Floats


def probabilities(logits: Floats, temperature: float) -> Floats:
    """Apply the softmax at a temperature (Guo et al. 2017).

    Args:
        logits: float32 [N, L].
        temperature: Above one flattens, below one sharpens.

    Returns:
        float32 [N, L], rows sum to one.
    """
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    rows: Floats = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows


def outcome(row: Floats, manifest: Manifest, *, foreignness: float | None) -> Outcome:
    """Say what the answer is worth.

    Args:
        row: Calibrated probabilities [L] of one image.
        manifest: Holds the thresholds.
        foreignness: Score of the out-of-distribution rule; None where the version has none.
    """
    if manifest.ood_rule is not None and foreignness is not None and foreignness > manifest.ood_rule.threshold:
        return Outcome.NOT_DENTAL
    if manifest.abstain_threshold is not None and float(row.max()) < manifest.abstain_threshold:
        return Outcome.UNCERTAIN
    return Outcome.ANSWERED
