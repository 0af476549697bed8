"""What the network says about one image."""

from dataclasses import dataclass

from common.jobs.record import Outcome


@dataclass(frozen=True)
class Prediction:
    """The answer to one image.

    Attributes:
        probabilities: Calibrated, in label order; they sum to one.
        outcome: `UNCERTAIN` means that the best label is not likely enough.
        decode_seconds: Time to decode and preprocess this image.
        inference_seconds: This image's share of the forward pass.
    """

    probabilities: tuple[float, ...]
    outcome: Outcome
    decode_seconds: float
    inference_seconds: float
