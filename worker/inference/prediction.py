"""What the network says about one image."""

from dataclasses import dataclass

ANSWERED = "answered"
UNCERTAIN = "uncertain"
NOT_DENTAL = "not_dental"


@dataclass(frozen=True)
class Prediction:
    """The answer to one image.

    Attributes:
        probabilities: Calibrated, in label order; they sum to one.
        outcome: `answered`, `uncertain` (the best label is not likely enough) or `not_dental`.
        decode_seconds: Time to decode and preprocess this image.
        inference_seconds: This image's share of the forward pass.
    """

    probabilities: tuple[float, ...]
    outcome: str
    decode_seconds: float
    inference_seconds: float
