"""No file name is a formula to a spreadsheet, whether web or the client writes the table."""

import csv
import io
from datetime import datetime, timezone
from pathlib import Path

import pytest

from client.folder.table import FORMULA_STARTS as OF_THE_CLIENT
from client.folder.table import open_table
from client.report import Submission
from common.jobs.record import Job, JobStatus
from common.queues import QueueName
from web.batch_representation import FORMULA_STARTS as OF_THE_WEB
from web.batch_representation import csv_lines

# Written out once more: a list that loses one of them is told.
STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]


def test_web_and_client_know_the_same_starts() -> None:
    assert sorted(OF_THE_WEB) == sorted(OF_THE_CLIENT) == sorted(STARTS)


@pytest.mark.parametrize("start", STARTS)
def test_a_name_that_begins_so_is_no_formula_in_either_table(tmp_path: Path, start: str) -> None:
    name = f"{start}1+1.jpg"
    for text in tables(tmp_path, name):
        _, row = csv.reader(io.StringIO(text, newline=""))
        assert row[0] == f"'{name}"


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("name", ["a{}=1+1.jpg", 'a{}"=1+1.jpg', 'a, b{}""@x', "a{}b{}-1"])
def test_no_cell_is_a_formula_whatever_a_spreadsheet_takes_for_the_separator(
    tmp_path: Path, name: str, separator: str
) -> None:
    for text in tables(tmp_path, name.format(separator, separator)):
        cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]
        assert not [cell for cell in cells if cell.lstrip('"').startswith(tuple(STARTS))]


def tables(folder: Path, name: str) -> tuple[str, str]:
    """Write a file of this name as web and as the client do."""
    of_the_client = folder / "out.csv"
    table = open_table(of_the_client, [])
    table.write(Submission(name, None, error_code="image_corrupt"))
    table.close()
    job = Job(
        id="a" * 24,
        status=JobStatus.QUEUED,
        queue=QueueName.BULK,
        filename=name,
        attempts=0,
        submitted_at=datetime.now(timezone.utc),
    )
    return "".join(csv_lines([[job]], labels=[])), of_the_client.read_bytes().decode()
