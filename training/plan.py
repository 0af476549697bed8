"""What one training run does: every choice in one frozen record, stored beside the weights it led to."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from common.manifest import Preprocessing
from training.augment import Augmentation

# Normalisation that EfficientNet-Lite was trained with; other families use ImageNet's mean and deviation.
_LITE_SCALE = ((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
IMAGENET_SCALE = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))

MultiLabel = Literal["own", "soft", "drop"]
HeadStart = Literal["probe", "random"]
Teacher = Literal["none", "dinov2"]


@dataclass(frozen=True)
class FitPlan:
    """Choices of one training run.

    Attributes:
        architecture: `timm:<name>` or `torchvision:<name>`.
        weights: `package`, `random` or a file.
        input_size: Edge of the square input in pixels.
        seed: Of sampling, augmentation and initialisation.
        epochs: How often `epoch_images` are drawn.
        epoch_images: Draws an epoch: a label evenly, then a group of it, then an image of the group.
        batch_size: Images a step.
        head_start: A linear probe of the starting features, or random weights.
        head_rate: Learning rate of the head.
        rate_decay: Factor of the rate from one block to the one before it (layer-wise rates).
        frozen_share: Share of the blocks, from the input on, that stay as they came.
        adapt_statistics: Whether batch normalisation follows the new pictures (else it keeps ImageNet's statistics).
        weight_decay: Of AdamW.
        label_smoothing: Share of the target spread over all labels.
        multi_label: Photographs filed under several labels: own label alone, soft over all of them, or left out.
        mix: Share of steps that blend pairs of pictures (mixup or CutMix, one each half of the time).
        average_decay: Decay of the weights' moving average; 0 keeps the last weights.
        teacher: A larger network that gives half of the targets and features to come close to.
        teacher_share: Its share of the targets.
        teacher_weight: Of the distance to its features, beside the targets' cross entropy.
        augmentation: Random changes.
    """

    architecture: str = "timm:tf_efficientnet_lite0"
    weights: str = "package"
    input_size: int = 224
    seed: int = 17
    epochs: int = 6
    epoch_images: int = 1400
    batch_size: int = 32
    head_start: HeadStart = "random"
    head_rate: float = 2e-3
    rate_decay: float = 0.75
    frozen_share: float = 0.4
    adapt_statistics: bool = False
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    multi_label: MultiLabel = "soft"
    mix: float = 0.0
    average_decay: float = 0.98
    teacher: Teacher = "none"
    teacher_share: float = 0.5
    teacher_weight: float = 1.0
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing that the trained network is to be served with."""
        mean, std = _LITE_SCALE if "efficientnet_lite" in self.architecture else IMAGENET_SCALE
        return Preprocessing(input_size=self.input_size, decode_edge=self.input_size, mean=mean, std=std)

    def as_json(self) -> dict[str, Any]:
        """Give the plan as plain values."""
        return asdict(self)
