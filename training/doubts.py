"""What makes a calibration doubtful: said on the terminal and in the card, for the figures alone hide it."""

from collections.abc import Iterator
from dataclasses import dataclass

from training.calibrate import TEMPERATURES, WANTED_ACCURACY
from training.card_texts import ENGLISH, CardTexts

# Fewer answers than this, and the version is of no use to anybody, however right they are.
_LEAST_ANSWERED = 0.05

# Of nine right answers among ten, thirty independent photographs leave an interval of 0.74 to 0.97.
_FEW_GROUPS = 30


@dataclass(frozen=True)
class Doubt:
    """A reason to trust a calibration less.

    Attributes:
        kind: Names its sentence: see `CardTexts.doubts`.
        values: What the sentence tells.
    """

    kind: str
    values: dict[str, float]

    def sentence(self, texts: CardTexts = ENGLISH) -> str:
        """Say it in a language."""
        return texts.fill(texts.doubts[self.kind], **self.values)


def doubts(*, temperature: float, answered: float, groups: int) -> Iterator[Doubt]:
    """Find what makes a calibration doubtful.

    Args:
        temperature: As fitted.
        answered: Share of the validation images that are answered.
        groups: How many groups of validation images it was fitted on.
    """
    lowest, highest = TEMPERATURES
    if temperature <= lowest:
        yield Doubt("lowest", {"temperature": temperature})
    if temperature >= highest:
        yield Doubt("highest", {"temperature": temperature})
    if answered < _LEAST_ANSWERED:
        yield Doubt("few_answers", {"answered": answered, "wanted": WANTED_ACCURACY})
    if groups < _FEW_GROUPS:
        yield Doubt("few_groups", {"groups": groups})
