"""Near-identical photographs are found even when rotated, mirrored or re-coloured; different ones stay apart."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from training.dataset import Dataset, Sample, read_dataset
from training.grouping import describe_groups, group_duplicates
from training.pixels import readable


def scene(seed: int) -> Image.Image:
    """A picture with structure at several scales, as photographs have."""
    generator = np.random.default_rng(seed)
    layers = [
        Image.fromarray(generator.integers(0, 255, (edge, edge, 3), dtype=np.uint8)).resize((240, 240), 3)
        for edge in (6, 14, 40)
    ]
    return Image.blend(Image.blend(layers[0], layers[1], 0.5), layers[2], 0.4)


COPIES = {
    "plain": lambda image: image,
    "mirrored": ImageOps.mirror,
    "rotated": lambda image: image.rotate(25, Image.Resampling.BICUBIC, fillcolor=(127, 127, 127)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.4),
    "smaller": lambda image: image.resize((150, 150), Image.Resampling.BICUBIC).crop((10, 10, 140, 145)),
}


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("copies")
    for seed in range(4):
        folder = root / ("even" if seed % 2 == 0 else "odd")
        folder.mkdir(exist_ok=True)
        for name, change in COPIES.items():
            change(scene(seed)).save(folder / f"{seed}-{name}.png")
    return read_dataset(root)


def scene_of(sample: Sample) -> str:
    return Path(sample.file).name[0]


def features_of(dataset: Dataset) -> NDArray[np.float32]:
    """Features that tell nothing: every pair becomes a candidate by chance alone."""
    return np.random.default_rng(0).normal(size=(len(dataset.samples), 8)).astype(np.float32)


def test_copies_are_found_and_different_scenes_stay_apart(copies: Dataset) -> None:
    grouped = group_duplicates(copies, features_of(copies))
    by_scene: dict[str, set[str]] = {}
    for sample in grouped.samples:
        by_scene.setdefault(scene_of(sample), set()).add(sample.group)
    assert all(len(groups) == 1 for groups in by_scene.values()), by_scene
    assert len(set.union(*by_scene.values())) == 4
    assert describe_groups(grouped).startswith("4 groups, the largest of 5 images, 0 of them")


def test_a_group_that_the_index_names_is_kept_and_found_copies_join_it(copies: Dataset) -> None:
    first = copies.samples[0]
    named = Sample(first.file, first.label, group="g7", all_labels=first.all_labels)
    grouped = group_duplicates(copies.with_samples([named, *copies.samples[1:]]), features_of(copies))
    assert {sample.group for sample in grouped.samples if scene_of(sample) == scene_of(first)} == {"g7"}


def test_a_data_set_with_groups_is_left_alone(copies: Dataset) -> None:
    named = copies.with_samples(Sample(s.file, s.label, group="g") for s in copies.samples)
    assert group_duplicates(named, features_of(named)) is named


def test_unreadable_images_are_left_out_with_their_reason(copies: Dataset, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    scene(0).save(tmp_path / "a" / "good.png")
    scene(1).save(tmp_path / "b" / "good.png")
    (tmp_path / "b" / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    kept, broken = readable(read_dataset(tmp_path))
    assert [sample.file for sample in kept.samples] == ["a/good.png", "b/good.png"]
    assert broken[0][0] == "b/bad.jpg"
    assert "JPEG" in broken[0][1]
