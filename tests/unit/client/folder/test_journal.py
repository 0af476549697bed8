"""When a journal is taken up, and when it is refused."""

import json
from pathlib import Path

import pytest

from client.folder.journal import Journal, JournalError
from client.folder.portions import Portion


def test_a_journal_of_a_batch_of_another_server_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", server="http://one/", folder=tmp_path) as journal:
        journal.batch_made("b1")
    Journal(tmp_path / "j", server="http://one", folder=tmp_path).close()
    with pytest.raises(JournalError, match="is of the server http://one, not of http://two"):
        Journal(tmp_path / "j", server="http://two", folder=tmp_path)
    Journal(tmp_path / "j", server="http://two", folder=tmp_path, restart=True).close()


def test_a_journal_without_a_batch_is_bound_to_no_server(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", server="http://mistyped", folder=tmp_path) as journal:
        run = journal.recorded.run
    assert "mistyped" not in (tmp_path / "j").read_text()
    with Journal(tmp_path / "j", server="http://two", folder=tmp_path) as journal:
        assert journal.recorded.run == run
        journal.batch_made("b1")
    with pytest.raises(JournalError, match="is of the server http://two, not of http://mistyped"):
        Journal(tmp_path / "j", server="http://mistyped", folder=tmp_path)


def test_a_journal_of_another_folder_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path / "j", server="http://one", folder=tmp_path).close()
    with pytest.raises(JournalError, match="is of the folder"):
        Journal(tmp_path / "j", server="http://one", folder=tmp_path / "other")


@pytest.mark.parametrize("batch", [True, False])
def test_a_journal_that_named_its_server_first_is_taken_up(tmp_path: Path, batch: bool) -> None:
    first = {"dentiq_journal": 1, "run": "r", "server": "http://one", "folder": str(tmp_path.resolve())}
    lines = [first, {"batch": "b1"}] if batch else [first]
    (tmp_path / "j").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Journal(tmp_path / "j", server="http://one", folder=tmp_path) as journal:
        assert (journal.recorded.run, journal.recorded.batch_id) == ("r", "b1" if batch else None)
    if batch:
        with pytest.raises(JournalError, match="is of the server"):
            Journal(tmp_path / "j", server="http://two", folder=tmp_path)


def test_two_runs_cannot_share_a_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", server="s", folder=tmp_path), pytest.raises(JournalError, match="at work"):
        Journal(tmp_path / "j", server="s", folder=tmp_path, restart=True)


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("nonsense\n")
    with pytest.raises(JournalError, match="damaged"):
        Journal(tmp_path / "j", server="s", folder=tmp_path)


def test_names_that_are_no_text_come_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", server="s", folder=tmp_path) as journal:
        journal.sent(Portion(0, ("scan \udce9.jpg",)))
    with Journal(tmp_path / "j", server="s", folder=tmp_path) as journal:
        assert journal.recorded.portions[0].files == ("scan \udce9.jpg",)
