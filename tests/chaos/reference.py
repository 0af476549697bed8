"""What the stand-in model answers: a function of the image's bytes and the version, which the checker computes anew."""

import hashlib
from typing import Final

LABELS: Final = ("caries", "healthy", "ulcer")
OUTCOMES: Final = ("answered", "uncertain", "not_dental")
VERSIONS: Final = ("stand-in-1", "stand-in-2", "stand-in-3")

# A version whose checksum is wrong, says the stand-in: promoting it must change nothing.
DAMAGED_VERSION: Final = "damaged"

# Bytes that take the process of the network down, as an image does on which a decoder crashes.
POISON: Final = b"chaos:poison"

# How long the stand-in takes for an image.
SECONDS_PER_IMAGE_VARIABLE: Final = "CHAOS_SECONDS_PER_IMAGE"

# Probabilities are whole numbers of these, so that no rounding stands between the answer and what is stored.
STEPS: Final = 100_000


def steps_of(image: bytes, version: str) -> tuple[int, ...]:
    """Give the probability of each label, in steps of 1e-5; they sum to one."""
    digest = hashlib.sha256(version.encode() + b"\0" + image).digest()
    weights = [1 + byte for byte in digest[: len(LABELS)]]
    steps = [weight * STEPS // sum(weights) for weight in weights[:-1]]
    return (*steps, STEPS - sum(steps))


def outcome_of(image: bytes, version: str) -> str:
    """Give the outcome."""
    return OUTCOMES[hashlib.sha256(b"outcome\0" + version.encode() + b"\0" + image).digest()[0] % len(OUTCOMES)]


def label_of(steps: tuple[int, ...]) -> str:
    """Give the most probable label; of equals the first."""
    return LABELS[steps.index(max(steps))]
