"""Changes made to a training picture on the fly, against shortcuts as much as against memorising.

In the public collections size, aspect, JPEG history and white balance follow the class (see docs/model.md). Each change
below takes one such shortcut away: whatever the network could read from it no longer tells the label.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from training.pixels import Pixels


@dataclass(frozen=True)
class Augmentation:
    """Strengths of the random changes.

    Attributes:
        min_area: Smallest share of the picture that a crop keeps.
        max_aspect: Crops take an aspect ratio between its inverse and itself, so that letterbox bars tell nothing.
        reshape_share: Share of pictures whose crop takes a random aspect; the others keep their own.
        max_degrees: Largest rotation.
        colour: Largest relative change of brightness, contrast and saturation.
        white_balance: Largest relative change of one colour channel.
        recompress_share: Share of pictures that are scaled and JPEG-encoded once more.
        vertical_flip_share: Share of pictures turned upside down: photographs of the upper arch are taken both ways.
    """

    min_area: float = 0.45
    max_aspect: float = 2.4
    reshape_share: float = 0.6
    max_degrees: float = 20.0
    colour: float = 0.25
    white_balance: float = 0.12
    recompress_share: float = 0.8
    vertical_flip_share: float = 0.15


def augment(pixels: Pixels, plan: Augmentation, generator: np.random.Generator) -> Image.Image:
    """Change a picture at random.

    Args:
        pixels: uint8 [H, W, 3].
        plan: How strongly.
        generator: Source of chance.

    Returns:
        A picture of any size, to be letterboxed by the serving path's own preprocessing.
    """
    picture = _rotate(Image.fromarray(pixels), plan, generator)
    picture = _crop(picture, plan, generator)
    picture = _flip(picture, plan, generator)
    picture = _recolour(picture, plan, generator)
    if generator.random() < plan.recompress_share:
        picture = _recompress(picture, generator)
    return picture


def _rotate(picture: Image.Image, plan: Augmentation, generator: np.random.Generator) -> Image.Image:
    if generator.random() < 0.5:
        return picture
    degrees = generator.uniform(-plan.max_degrees, plan.max_degrees)
    turned = picture.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=(127, 127, 127))
    # Cut the corners that rotation left empty, or a grey wedge would mark the class that needs rotating most.
    margin = abs(math.sin(math.radians(degrees))) * min(picture.size) / 2
    return turned.crop(
        (
            int(margin),
            int(margin),
            max(int(margin) + 8, int(picture.width - margin)),
            max(int(margin) + 8, int(picture.height - margin)),
        )
    )


def _crop(picture: Image.Image, plan: Augmentation, generator: np.random.Generator) -> Image.Image:
    width, height = picture.size
    aspect = width / height
    if generator.random() < plan.reshape_share:
        bound = math.log(plan.max_aspect)
        # Leans to landscape: photographs of mouths are.
        aspect = math.exp(generator.uniform(-0.5 * bound, bound))
    area = width * height * generator.uniform(plan.min_area, 1.0)
    crop_width = min(width, max(8, round(math.sqrt(area * aspect))))
    crop_height = min(height, max(8, round(math.sqrt(area / aspect))))
    left = int(generator.integers(0, width - crop_width + 1))
    top = int(generator.integers(0, height - crop_height + 1))
    return picture.crop((left, top, left + crop_width, top + crop_height))


def _flip(picture: Image.Image, plan: Augmentation, generator: np.random.Generator) -> Image.Image:
    if generator.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if generator.random() < plan.vertical_flip_share:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return picture


def _recolour(picture: Image.Image, plan: Augmentation, generator: np.random.Generator) -> Image.Image:
    values = np.asarray(picture, dtype=np.float32)
    grey = values.mean(axis=2, keepdims=True)
    saturation, contrast, brightness = 1 + generator.uniform(-plan.colour, plan.colour, 3)
    balance = 1 + generator.uniform(-plan.white_balance, plan.white_balance, 3)
    values = grey + (values - grey) * saturation
    middle = values.mean()
    values = (middle + (values - middle) * contrast) * (brightness * balance).astype(np.float32)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _recompress(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    longer = max(picture.size)
    target = min(longer, round(math.exp(generator.uniform(math.log(110), math.log(320)))))
    width, height = (max(8, round(edge * target / longer)) for edge in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    if generator.random() < 0.15:
        picture = picture.filter(ImageFilter.GaussianBlur(float(generator.uniform(0.3, 1.2))))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(generator.integers(30, 96)))
    return Image.open(buffer, formats=("JPEG",)).convert("RGB")
