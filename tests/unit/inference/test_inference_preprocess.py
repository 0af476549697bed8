"""From bytes to the network's input: golden pixels, geometry, and the same answer however a picture is stored."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from common.errors import ImageTruncatedError
from common.manifest import Preprocessing
from worker.inference.decode import decode
from worker.inference.golden import golden_batch, golden_input
from worker.inference.preprocess import fitted_size, letterbox, normalise, preprocess


def test_a_wide_picture_lies_centred_between_padding(preprocessing: Preprocessing) -> None:
    square = letterbox(Image.new("RGB", (64, 32), (255, 0, 10)), preprocessing)
    assert square.shape == (32, 32, 3)
    assert (square[8:24] == (255, 0, 10)).all()
    assert (square[:8] == 127).all()
    assert (square[24:] == 127).all()


def test_padding_is_zero_for_the_network(preprocessing: Preprocessing) -> None:
    result = preprocess(Image.new("RGB", (64, 32), (255, 0, 127)), preprocessing)
    assert result.dtype == np.float32
    assert result.shape == (3, 32, 32)
    assert (result[:, 0] == 0).all()
    assert result[:, 16, 16].tolist() == [1.0, -127 / 128, 0.0]


def test_a_picture_of_the_networks_size_passes_unchanged(preprocessing: Preprocessing) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    assert (letterbox(Image.fromarray(pixels), preprocessing) == pixels).all()


def test_bicubic_pixels_are_the_golden_ones(preprocessing: Preprocessing) -> None:
    ramp = Image.fromarray(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2))
    row = letterbox(ramp, preprocessing)[16, :, 0]
    assert row[:6].tolist() == [2, 10, 18, 26, 34, 42]
    assert row[-3:].tolist() == [234, 242, 250]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((64, 32), (32, 16)), ((32, 64), (16, 32)), ((10, 10), (32, 32)), ((1000, 1), (32, 1)), ((640, 480), (32, 24))],
)
def test_the_longer_edge_always_fills_the_square(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted_size(size, 32) == expected


def test_channels_are_normalised_each_by_its_own_mean_and_deviation(preprocessing: Preprocessing) -> None:
    other = preprocessing.model_copy(update={"mean": (0.0, 10.0, 20.0), "std": (1.0, 2.0, 4.0)})
    result = normalise(np.full((32, 32, 3), 100, dtype=np.uint8), other)
    assert result[:, 0, 0].tolist() == [100.0, 45.0, 20.0]


def test_decoding_a_large_jpeg_gives_nearly_the_pixels_of_the_full_decode(preprocessing: Preprocessing) -> None:
    across = np.linspace(0, 255, 1200, dtype=np.uint8)[None, :, None].repeat(900, 0).repeat(3, 2)
    buffer = io.BytesIO()
    Image.fromarray(across).save(buffer, "JPEG", quality=95)
    with Image.open(io.BytesIO(buffer.getvalue())) as full:
        expected = preprocess(full, preprocessing)
    found = decode(buffer.getvalue(), preprocessing)
    # Two grey levels of 128.
    assert np.abs(found - expected).mean() < 2 / 128


def test_a_truncated_file_is_refused(preprocessing: Preprocessing, photo: Callable[..., bytes]) -> None:
    data = photo((1, 2, 3), (300, 300))
    with pytest.raises(ImageTruncatedError):
        decode(data[: len(data) // 2], preprocessing)


def test_golden_inputs_are_the_same_on_every_machine(preprocessing: Preprocessing) -> None:
    pixels = golden_input(0, preprocessing) * 128 + 127
    assert pixels[:, 0, 0].round().astype(int).tolist() == [138, 56, 53]
    assert pixels.shape == (3, 32, 32)
    assert not np.array_equal(golden_input(0, preprocessing), golden_input(1, preprocessing))
    assert golden_batch(range(3), preprocessing).shape == (3, 3, 32, 32)
