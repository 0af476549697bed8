"""A version never takes another's place, and no name leads out of the model store."""

from pathlib import Path

import click
import pytest

from common.model_store import ModelStore
from training.export import check_name


@pytest.mark.parametrize("version", ["../sibling", "a/b", "V1", "my model", "", ".hidden", "x" * 65])
def test_a_name_that_promote_would_refuse_is_refused_before_training(tmp_path: Path, version: str) -> None:
    with pytest.raises(click.UsageError, match="cannot name a version"):
        check_name(ModelStore(tmp_path), version)


def test_a_version_that_exists_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    check_name(ModelStore(tmp_path), "v2")
    with pytest.raises(click.UsageError, match="choose another name"):
        check_name(ModelStore(tmp_path), "v1")
