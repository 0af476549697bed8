"""The table of a folder: safe for spreadsheets, wider when a label appears."""

import csv
from pathlib import Path

import pytest

from client.folder.table import open_table
from client.records import Job
from client.report import Submission


def job(label: str) -> Job:
    predictions = [{"label": label, "probability": 0.75}]
    return Job.from_answer({"id": "j1", "status": "succeeded", "outcome": "answered", "predictions": predictions})


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=1+1.jpg", "'=1+1.jpg"),
        ("+1.jpg", "'+1.jpg"),
        ("-1.jpg", "'-1.jpg"),
        ("@x", "'@x"),
        ("\t=1.jpg", "'\t'=1.jpg"),
    ],
)
def test_no_cell_is_a_formula(tmp_path: Path, name: str, written: str) -> None:
    table = open_table(tmp_path / "out.csv", ["=label"])
    table.write(Submission(name, job("=label")))
    table.close()
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert written in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_label_that_appears_later_widens_the_table(tmp_path: Path) -> None:
    table = open_table(tmp_path / "out.csv", ["caries"])
    for label in ("caries", "plaque"):
        table.write(Submission(f"{label}.jpg", job(label)))
    table.close()
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["caries"], first["plaque"]) == ("0.75000", "")
    assert (second["caries"], second["plaque"]) == ("", "0.75000")
