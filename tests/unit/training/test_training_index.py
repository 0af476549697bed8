"""A stranger's folder and index: what cannot be understood is told by line and column, what is left alone by name."""

from pathlib import Path

import click
import pytest

from tests.unit.training.commands import invoke, name_groups
from training.dataset import Dataset, Sample, read_dataset, survey
from training.run import Run
from training.split import assign_splits, require_usable


def write_index(data: Path, *lines: str, encoding: str = "utf-8") -> None:
    (data / "index.csv").write_bytes("\n".join([*lines, ""]).encode(encoding))


def refusal(data: Path) -> str:
    with pytest.raises(click.UsageError) as caught:
        read_dataset(data)
    return caught.value.message


def test_the_label_column_may_be_missing_for_the_folder_says_it(made_data: Path) -> None:
    write_index(made_data, "file,group,split", "blue/000.jpg,g1,val")
    assert Sample("blue/000.jpg", "blue", "g1", "val", all_labels=("blue",)) in read_dataset(made_data).samples


@pytest.mark.parametrize("header", ["\ufefffile,group", " file , group "])
def test_what_a_spreadsheet_writes_around_the_first_name_does_not_matter(made_data: Path, header: str) -> None:
    write_index(made_data, header, ".\\blue\\000.jpg, g1 ")
    assert "g1" in {sample.group for sample in read_dataset(made_data).samples}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["label,group", "blue,g1"], "line 1: no column `file` among ['label', 'group']"),
        (["file;label", "blue/000.jpg;blue"], "separated by commas"),
        ([], "line 1: no column `file`"),
        (["file,split", "blue/000.jpg,train", "blue/001.jpg,validation"], "line 3, column split: 'validation' is none"),
        (["file,kind", "blue/000.jpg,copy"], "line 2, column kind: 'copy' is none of original, augmented"),
        (["file,label", "blue/000.jpg,Deep Blue"], "line 2, column label: 'Deep Blue' cannot be a label"),
        (["file,label", ",blue"], "line 2, column file: is empty"),
        (["file,label", "blue/000.jpg,blue,g1"], "line 2, column 3: more fields than the first line names"),
        (["file", "blue/000.jpg", "blue/001.jpg", "blue/000.jpg"], "line 4, column file: 'blue/000.jpg' is named in"),
        (["file,group,split", "blue/000.jpg,g,train", "blue/001.jpg,g,test"], "line 3, column split: group 'g' is in"),
        (["file,label", '"blue/000.jpg,blue'], "line 2: unexpected end of data"),
        (["file", "bleu/000.jpg", "blue/1.jpg"], "line 2, column file: 'bleu/000.jpg' is no image here, nor is any"),
    ],
)
def test_an_index_that_cannot_be_understood_is_told_by_line_and_column(
    made_data: Path, lines: list[str], told: str
) -> None:
    write_index(made_data, *lines)
    assert told in refusal(made_data)


def test_an_index_in_another_encoding_is_told_by_its_line(made_data: Path) -> None:
    write_index(made_data, "file,group", "blue/000.jpg,côté", encoding="latin-1")
    assert "line 2: byte 0xf4 is not UTF-8" in refusal(made_data)


def test_many_problems_are_counted_and_the_first_shown(made_data: Path) -> None:
    write_index(made_data, "file,split", *(f"blue/{number:03d}.jpg,x" for number in range(9)))
    told = refusal(made_data)
    assert told.count("column split") == 5
    assert "(and 4 more)" in told


def test_files_that_the_index_names_and_nobody_has_are_left_out_by_name(made_data: Path) -> None:
    write_index(made_data, "file,group", "blue/000.jpg,g1", "blue/900.jpg,g2")
    dataset, remarks = survey(made_data)
    assert len(dataset.samples) == 42
    assert remarks == [
        "1 that index.csv names and that are no images here: line 3, column file: 'blue/900.jpg'",
    ]


def test_what_is_no_image_is_named_and_what_belongs_there_is_not(made_data: Path, tmp_path: Path) -> None:
    name_groups(made_data)
    for name in ("notes.txt", "info.en.md", "a.psd", "b.psd", "c.psd", "d.psd", "odd[red].tx", ".DS_Store"):
        (made_data / "amber" / name).write_text("x")
    (made_data / "violet").mkdir()
    (made_data / "blue" / "patient").mkdir()
    (made_data / "grass" / "odd[bold].jpg").write_text("x")
    result = invoke("split", made_data, "--run", tmp_path / "run")
    assert result.exit_code == 0, result.output
    names = "amber/a.psd, amber/b.psd, amber/c.psd, amber/d.psd, amber/notes.txt and 1 more"
    assert f"left out 6 that are no images by their names: {names}\n" in result.output
    assert "left out 1 folders that hold no image: violet\n" in result.output
    assert "folders inside a label's folder, which are not looked into: blue/patient\n" in result.output
    assert "left out grass/odd[bold].jpg: " in result.output
    assert "info.en.md" not in result.output


def test_a_label_without_one_readable_image_is_no_label(made_data: Path, tmp_path: Path) -> None:
    (made_data / "violet").mkdir()
    (made_data / "violet" / "0.jpg").write_text("no image")
    name_groups(made_data)
    result = invoke("split", made_data, "--run", tmp_path / "run")
    assert "left out violet: no image of it can be read" in result.output
    assert Run(tmp_path / "run").dataset().labels == ("amber", "blue", "grass")


def test_a_folder_whose_name_cannot_be_a_label_is_refused_before_training(made_data: Path) -> None:
    (made_data / "blue").rename(made_data / "Deep Blue")
    assert "'Deep Blue'. Rename them" in refusal(made_data)


def samples(label: str, *splits: str) -> list[Sample]:
    return [Sample(f"{label}/{n}.jpg", label, group=f"{label}{n}", split=split) for n, split in enumerate(splits)]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ([*samples("a", "train", "val", "test"), *samples("b", "val", "test")], "No photograph of b is left to learn"),
        ([*samples("a", "train", "test"), *samples("b", "train")], "left for val"),
        ([*samples("a", "train"), *samples("b", "train")], "left for val and test"),
    ],
)
def test_a_split_that_cannot_serve_is_refused(chosen: list[Sample], told: str) -> None:
    with pytest.raises(click.UsageError, match=told):
        require_usable(Dataset(Path(), tuple(chosen), ("a", "b")))


def test_a_label_that_a_split_lacks_is_told() -> None:
    chosen = [*samples("a", "train", "val", "test"), *samples("b", "train", "val")]
    assert require_usable(Dataset(Path(), tuple(chosen), ("a", "b"))) == ["test has no photograph of b"]


@pytest.mark.parametrize("order", [("train", "test"), ("test", "train")])
def test_a_group_found_across_splits_goes_to_what_was_set_aside(order: tuple[str, str]) -> None:
    pair = [Sample(f"a/{n}.jpg", "a", group="found", split=split) for n, split in enumerate(order)]
    dataset = assign_splits(Dataset(Path(), tuple(pair), ("a",)), seed=0)
    assert {sample.split for sample in dataset.samples} == {"test"}
