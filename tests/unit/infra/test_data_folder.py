"""A data folder that cannot be used is named in a sentence, at the start and at the end."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from common.errors import ConfigurationError
from infra.local import watch
from infra.local.stack import exclusive


class Usage(NamedTuple):
    free: int


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot be used .*DENTIQ_DATA_DIR"), exclusive(tmp_path / "file"):
        pass


def test_a_usable_folder_is_left_without_a_trace_of_the_probe(tmp_path: Path) -> None:
    with exclusive(tmp_path / "var"):
        assert not (tmp_path / "var" / "run" / "probe").exists()


@pytest.mark.parametrize(("free", "said"), [(10, "is full (10 bytes free)"), (10**9, "Its last words are in")])
def test_the_end_of_the_supervisor_is_explained(
    free: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FakeStack:
        data_dir = tmp_path
        log_dir = tmp_path / "log"

    stack: Any = FakeStack()
    monkeypatch.setattr(watch.shutil, "disk_usage", lambda _path: Usage(free))
    assert said in watch.describe_death(stack)
