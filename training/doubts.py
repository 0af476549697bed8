"""What makes a calibration doubtful: said on the terminal and in the card, for the figures alone hide it."""

from collections.abc import Iterator

from training.calibrate import TEMPERATURES, WANTED_ACCURACY

# Fewer answers than this, and the version is of no use to anybody, however right they are.
_LEAST_ANSWERED = 0.05

# Of nine right answers among ten, thirty independent photographs leave an interval of 0.74 to 0.97.
_FEW_GROUPS = 30


def doubts(*, temperature: float, answered: float, groups: int) -> Iterator[str]:
    """Say what makes a calibration doubtful.

    Args:
        temperature: As fitted.
        answered: Share of the validation images that are answered.
        groups: How many groups of validation images it was fitted on.
    """
    lowest, highest = TEMPERATURES
    if temperature <= lowest:
        yield (
            f"The temperature {temperature:.4f} is the lowest that is tried, and validation asked for a lower one: "
            "the network is nearly always right there, or hardly ever sure."
        )
    if temperature >= highest:
        yield (
            f"The temperature {temperature:.4f} is the highest that is tried, and validation asked for a higher one: "
            "the network is hardly better than chance there."
        )
    if answered < _LEAST_ANSWERED:
        yield (
            f"Only {answered:.1%} of the validation images are answered, for no lower threshold makes "
            f"{WANTED_ACCURACY:.0%} of the answers right: nearly every photograph will be `uncertain`."
        )
    if groups < _FEW_GROUPS:
        yield (
            f"Temperature and thresholds were fitted on {groups} groups of photographs: so few say little about others."
        )
