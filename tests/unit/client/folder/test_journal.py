"""When a journal is taken up, and when it is refused."""

from pathlib import Path

import pytest

from client.folder.journal import Journal, JournalError
from client.folder.portions import Portion


def test_a_journal_of_another_server_or_folder_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path / "j", server="http://one/", folder=tmp_path).close()
    Journal(tmp_path / "j", server="http://one", folder=tmp_path).close()
    with pytest.raises(JournalError, match="is of the server http://one, not of http://two"):
        Journal(tmp_path / "j", server="http://two", folder=tmp_path)
    with pytest.raises(JournalError, match="is of the folder"):
        Journal(tmp_path / "j", server="http://one", folder=tmp_path / "other")
    Journal(tmp_path / "j", server="http://two", folder=tmp_path, restart=True).close()


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
