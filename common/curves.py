"""The curves of a model version: what `curves.json` beside the manifest says, for pages that draw them themselves."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import ModelInvalidError

CURVES_NAME: Final = "curves.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ReliabilityBin(_Frozen):
    """Photographs of the test split that were answered with about the same probability.

    Attributes:
        images: How many.
        confidence: Mean of the highest probability given, 0 to 1.
        right: How many of them were answered rightly.
    """

    images: int = Field(ge=1)
    confidence: float = Field(ge=0, le=1)
    right: int = Field(ge=0)


class CoveragePoint(_Frozen):
    """What comes of answering the surest photographs of the test split alone.

    Attributes:
        answered: How many are.
        right: How many of them rightly.
    """

    answered: int = Field(ge=0)
    right: int = Field(ge=0)

    @property
    def accuracy(self) -> float:
        """Share of the right ones, 0 to 1."""
        return self.right / self.answered if self.answered else 0.0


class Epoch(_Frozen):
    """One pass of the training over its photographs.

    Attributes:
        run: Number of the run, from 1: an average is made of several.
        epoch: Number of the pass, from 1.
        loss: On the training photographs.
        macro_f1: On the validation split, 0 to 1.
    """

    run: int = Field(default=1, ge=1)
    epoch: int = Field(ge=1)
    loss: float
    macro_f1: float = Field(ge=0, le=1)


class Curves(_Frozen):
    """Describe the curves of one version.

    Attributes:
        reliability: Bins of equal mass, by rising probability.
        coverage: From the surest photographs to all.
        served: What the version answers with its own threshold.
        history: Empty where nobody knows how the weights were trained.
    """

    reliability: tuple[ReliabilityBin, ...] = Field(min_length=1)
    coverage: tuple[CoveragePoint, ...] = Field(min_length=1)
    served: CoveragePoint
    history: tuple[Epoch, ...] = ()

    @model_validator(mode="after")
    def _counts_fit(self) -> "Curves":
        points = (*self.coverage, self.served)
        if not self.images or any(not point.right <= point.answered <= self.images for point in points):
            raise ValueError("more are answered than there are, more are right than answered, or there are none")
        if any(part.right > part.images for part in self.reliability):
            raise ValueError("more of a bin are right than it has")
        return self

    @property
    def images(self) -> int:
        """Photographs of the test split."""
        return self.coverage[-1].answered

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over the bins (Nixon et al. 2019)."""
        return sum(abs(part.images * part.confidence - part.right) for part in self.reliability) / self.images

    @classmethod
    def read(cls, path: Path) -> "Curves":
        """Read the curves of a version.

        Raises:
            ModelInvalidError: The file cannot be read, or is not what this class describes.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ModelInvalidError(f"{CURVES_NAME} of a model version cannot be read, or is damaged.") from error

    def as_json(self) -> str:
        """Write them as the text of the file."""
        return self.model_dump_json() + "\n"
