"""What ends a step of training on purpose: shown on the terminal as a sentence."""


class TrainingError(Exception):
    """A step cannot go on; what its caller asked for is in order (else it is a `click.UsageError`)."""


class ExportMismatchError(TrainingError):
    """The exported network does not answer like the trained one."""


class FitDivergedError(TrainingError):
    """A loss or a weight is no finite number any more: what would be stored is no network."""


class UnreadableImageError(TrainingError):
    """An image can no longer be read."""
