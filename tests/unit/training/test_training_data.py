"""The data set, its split and the balanced draws: groups stay together, labels come evenly."""

from collections import Counter
from pathlib import Path

import click
import numpy as np
import pytest

from training.batches import draw, targets
from training.dataset import Dataset, Sample, read_dataset
from training.pixels import load_pixels
from training.split import assign_splits


def samples(label: str, groups: int, copies: int) -> list[Sample]:
    return [
        Sample(f"{label}/{group}-{copy}.jpg", label, group=f"{label}{group}", all_labels=(label,))
        for group in range(groups)
        for copy in range(copies)
    ]


def test_a_folder_a_label_needs_no_index(made_data: Path) -> None:
    dataset = read_dataset(made_data)
    assert dataset.labels == ("amber", "blue", "grass")
    assert Counter(sample.label for sample in dataset.samples) == {"amber": 14, "blue": 14, "grass": 14}


def test_the_index_gives_group_split_and_every_label(made_data: Path) -> None:
    (made_data / "index.csv").write_text(
        "file,label,group,split,kind,all_labels\namber/000.jpg,amber,g1,val,augmented,amber|blue\n"
    )
    first = read_dataset(made_data).samples[0]
    assert first == Sample("amber/000.jpg", "amber", "g1", "val", "augmented", ("amber", "blue"))


def test_files_that_are_no_images_are_not_samples(made_data: Path) -> None:
    (made_data / "amber" / "info.en.md").write_text("# Amber")
    assert all(sample.file.endswith(".jpg") for sample in read_dataset(made_data).samples)


def test_one_class_is_too_few_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="at least two folders"):
        read_dataset(tmp_path)


def test_the_digest_follows_the_content(made_data: Path) -> None:
    before = read_dataset(made_data).digest
    assert read_dataset(made_data).digest == before
    (made_data / "amber" / "000.jpg").unlink()
    assert read_dataset(made_data).digest != before


def test_a_broken_image_is_listed_and_the_others_are_loaded(made_data: Path) -> None:
    (made_data / "amber" / "000.jpg").write_bytes(b"not an image")
    dataset = read_dataset(made_data)
    loaded = load_pixels(made_data, dataset.samples, longest_edge=32)
    assert [file for file, _ in loaded.broken] == ["amber/000.jpg"]
    assert len(loaded.pixels) == len(loaded.samples) == 41
    assert max(loaded.pixels[0].shape) == 32


def test_no_group_lies_in_two_splits() -> None:
    data = Dataset(Path(), tuple(samples("a", 20, 5) + samples("b", 10, 3)), ("a", "b"))
    split = assign_splits(data, seed=3)
    by_group: dict[str, set[str]] = {}
    for sample in split.samples:
        by_group.setdefault(sample.group, set()).add(sample.split)
    assert all(len(splits) == 1 for splits in by_group.values())
    for label in ("a", "b"):
        counts = Counter(s.split for s in split.samples if s.label == label)
        assert set(counts) == {"train", "val", "test"}
        assert counts["train"] > counts["val"] + counts["test"]


def test_a_split_that_the_index_fixed_is_kept_and_shared_by_its_group() -> None:
    fixed = Sample("a/0.jpg", "a", group="g", split="test")
    follower = Sample("a/1.jpg", "a", group="g")
    data = Dataset(Path(), (fixed, follower, *samples("b", 5, 1)), ("a", "b"))
    split = assign_splits(data, seed=0)
    assert [sample.split for sample in split.samples[:2]] == ["test", "test"]


def test_the_same_seed_splits_alike() -> None:
    data = Dataset(Path(), tuple(samples("a", 20, 1)), ("a",))
    assert assign_splits(data, seed=1) == assign_splits(data, seed=1)
    assert assign_splits(data, seed=1) != assign_splits(data, seed=2)


def test_draws_take_labels_evenly_and_groups_evenly_whatever_their_size() -> None:
    pool = samples("common", 40, 1) + [
        Sample(f"rare/{i}.jpg", "rare", group="big" if i < 30 else f"small{i}") for i in range(33)
    ]
    drawn = [pool[index] for index in draw(pool, 800, np.random.default_rng(0))]
    assert Counter(sample.label for sample in drawn) == {"common": 400, "rare": 400}
    assert Counter(sample.group for sample in drawn if sample.label == "rare")["big"] == 100


@pytest.mark.parametrize(("multi_label", "expected"), [("own", [1.0, 0.0, 0.0]), ("soft", [0.7, 0.15, 0.15])])
def test_a_photograph_of_several_labels_gets_the_target_of_the_plan(multi_label: str, expected: list[float]) -> None:
    sample = Sample("a/0.jpg", "a", all_labels=("a", "b", "c", "unknown"))
    row = targets([sample], ("a", "b", "c"), multi_label)[0]  # type: ignore[arg-type]
    assert row.tolist() == pytest.approx(expected)
