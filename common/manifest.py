"""The manifest of a model version: what `manifest.json` beside the weights says, typed and frozen."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import ModelInvalidError, ModelNotFoundError

MANIFEST_NAME = "manifest.json"

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,47}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    # protected_namespaces: a manifest may name a field model_...; allow_inf_nan: JSON has neither.
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)


class Preprocessing(_Frozen):
    """Say how the bytes of a file become the network's input.

    Attributes:
        input_size: Edge of the square input, in pixels.
        decode_edge: Longer edge that a DCT-scaled JPEG decode keeps at least (see `common.images.open_upright`).
        resize: `letterbox`: the whole picture, scaled to fit and centred on the padding colour.
        interpolation: Resampling filter.
        padding: Colour around the picture, 0-255.
        mean: Subtracted per channel, on the 0-255 scale.
        std: Divided by per channel, on the 0-255 scale.
        layout: Order of the input's axes.
    """

    input_size: int = Field(ge=16, le=1024)
    decode_edge: int = Field(ge=16, le=4096)
    resize: Literal["letterbox"] = "letterbox"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    padding: tuple[int, int, int] = (127, 127, 127)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    layout: Literal["NCHW"] = "NCHW"

    @property
    def digest(self) -> str:
        """First 12 hexadecimal digits of the sha256 of the canonical JSON: equal digests mean equal pixels."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


class GoldenCase(_Frozen):
    """Pin what the network answers to one made input (see `worker.inference.golden.golden_input`).

    Attributes:
        seed: Names the input.
        logits: Expected logits in float32, in label order.
        probabilities: Expected calibrated probabilities, in label order.
    """

    seed: int = Field(ge=0)
    logits: tuple[float, ...]
    probabilities: tuple[Probability, ...]


class OodRule(_Frozen):
    """Say when an image is no photograph of teeth or gums.

    Attributes:
        kind: Which score is taken; higher is more foreign.
        threshold: An image whose score is above is `not_dental`.
        file: File of the version that holds the arrays of the score; None where it needs none.
    """

    kind: Literal["mahalanobis", "knn", "energy"]
    threshold: float
    file: FileName | None = None


class Manifest(_Frozen):
    """Describe one model version.

    Attributes:
        version: Name of the version and of its folder.
        created_at: When it was made, UTC.
        architecture: `timm:<name>` or `torchvision:<name>`.
        labels: Class slugs; the position is the label index.
        preprocessing: From bytes to input.
        temperature: The logits are divided by it before the softmax.
        abstain_threshold: Below this top probability the outcome is `uncertain`; None until calibrated.
        ood_rule: When the outcome is `not_dental`; None until made.
        metrics: Figures by name, nested, for example `metrics["test"]["all"]["macro_f1"]`.
        training_shares: Share of each label among the images trained on.
        dataset_digest: sha256 over the index of the data set.
        seed: Seed of split, sampling and initialisation.
        files: sha256 of each file of the version, by name.
        golden: Self-test, run after loading.
    """

    version: str
    created_at: datetime
    architecture: str = Field(pattern=r"^(timm|torchvision):[A-Za-z0-9_.-]+$")
    labels: tuple[Slug, ...] = Field(min_length=2)
    preprocessing: Preprocessing
    temperature: float = Field(default=1.0, gt=0)
    abstain_threshold: Probability | None = None
    ood_rule: OodRule | None = None
    metrics: dict[str, Any] = Field(default_factory=dict)
    training_shares: dict[Slug, Probability] = Field(default_factory=dict)
    dataset_digest: str
    seed: int
    files: dict[FileName, Sha256]
    golden: tuple[GoldenCase, ...] = ()

    @model_validator(mode="after")
    def _labels_fit_together(self) -> "Manifest":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must differ from one another")
        if any(
            len(case.logits) != len(self.labels) or len(case.probabilities) != len(self.labels) for case in self.golden
        ):
            raise ValueError("every golden case needs one logit and one probability a label")
        if self.ood_rule is not None and self.ood_rule.file is not None and self.ood_rule.file not in self.files:
            raise ValueError(f"the out-of-distribution rule names {self.ood_rule.file}, which is not among the files")
        return self

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read the manifest of a version's folder.

        Raises:
            ModelNotFoundError: The folder has no manifest.
            ModelInvalidError: The manifest is not what this class describes.
        """
        path = folder / MANIFEST_NAME
        try:
            text = path.read_bytes()
        except OSError as error:
            raise ModelNotFoundError(f"No model version in {folder.name!r}: {MANIFEST_NAME} cannot be read.") from error
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ModelInvalidError(
                f"The manifest of model version {folder.name!r} is invalid: {_first_problems(error)}. "
                "Restore the version from where it came from, or take its folder away."
            ) from error

    def write(self, folder: Path) -> None:
        """Write the manifest into a version's folder."""
        (folder / MANIFEST_NAME).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def card_name(language: str) -> str:
    """Name the file of a version's card in a language; the English one is there of every version."""
    return "card.md" if language == "en" else f"card.{language}.md"


def _first_problems(error: ValidationError, shown: int = 3) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    named = [
        ".".join(map(str, problem["loc"])) + ": " + problem["msg"] if problem["loc"] else problem["msg"]
        for problem in problems
    ]
    more = f" (and {len(named) - shown} more)" if len(named) > shown else ""
    return "; ".join(named[:shown]) + more
