"""A stack as it is planned, laid out and held by one launcher."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.errors import ConfigurationError
from common.settings import Settings
from infra.local.stack import child_environment, exclusive, lay_out, plan_stack


def test_without_a_redis_url_it_starts_a_redis_and_tells_the_parts_where(tmp_path: Path) -> None:
    stack = plan_stack(Settings(local_redis_port=7001), working_folder=tmp_path)
    assert stack.owns_redis
    environment = child_environment(stack, {"CE_BROKER_URL": "redis://elsewhere/0"})
    assert environment["DENTIQ_REDIS_URL"] == environment["CE_BROKER_URL"] == "redis://127.0.0.1:7001/0"


def test_heaps_are_few_unless_an_operator_wants_more(tmp_path: Path) -> None:
    stack = plan_stack(Settings(data_dir=tmp_path), working_folder=tmp_path)
    assert child_environment(stack, {})["MALLOC_ARENA_MAX"] == "2"
    assert child_environment(stack, {"MALLOC_ARENA_MAX": "8"})["MALLOC_ARENA_MAX"] == "8"


def test_with_a_redis_url_it_starts_none_and_leaves_the_variable_alone(tmp_path: Path) -> None:
    settings = Settings(redis_url=SecretStr("redis://:hunter2@example.org/3"))
    stack = plan_stack(settings, working_folder=tmp_path)
    assert not stack.owns_redis
    assert "DENTIQ_REDIS_URL" not in child_environment(stack, {})
    assert child_environment(stack, {})["CE_BROKER_URL"] == "redis://:hunter2@example.org/3"


def test_a_storage_of_an_unknown_kind_ends_the_start_before_any_part(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"does not know \(ftp://\)"):
        plan_stack(Settings(storage_url=SecretStr("ftp://host/folder")), working_folder=tmp_path)


def test_exporters_read_the_address_that_an_operator_names_for_them(tmp_path: Path) -> None:
    """They ask no sentinels."""
    settings = Settings(redis_url=SecretStr("sentinel://host:26379/0?master=main"))
    named = {"CE_BROKER_URL": "redis://leader/0", "REDIS_ADDR": "redis://leader"}
    environment = child_environment(plan_stack(settings, working_folder=tmp_path), named)
    assert environment.items() >= named.items()


def test_no_file_that_it_writes_holds_a_secret(tmp_path: Path) -> None:
    settings = Settings(
        redis_url=SecretStr("redis://:hunter2@example.org/3"), storage_url=SecretStr("s3://key:hunter2@bucket")
    )
    lay_out(plan_stack(settings, working_folder=tmp_path))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any("hunter2" in path.read_text() for path in files)


def test_a_relative_data_folder_lies_in_the_working_folder(tmp_path: Path) -> None:
    stack = plan_stack(Settings(data_dir=Path("kept")), working_folder=tmp_path)
    assert child_environment(stack, {})["DENTIQ_DATA_DIR"] == str(tmp_path / "kept")


def test_the_exporter_runs_where_its_environment_exists(tmp_path: Path) -> None:
    assert not plan_stack(Settings(), working_folder=tmp_path).has("exporter")
    python = tmp_path / ".venv-exporter" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert plan_stack(Settings(), working_folder=tmp_path).has("exporter")


@pytest.mark.parametrize(
    ("bind", "url"),
    [("0.0.0.0", "http://127.0.0.1:5000"), ("::", "http://[::1]:5000"), ("10.0.0.5", "http://10.0.0.5:5000")],
)
def test_the_address_of_the_page_can_be_opened(tmp_path: Path, bind: str, url: str) -> None:
    assert plan_stack(Settings(web_bind=bind), working_folder=tmp_path).base_url == url


def test_a_second_launcher_is_told_of_the_first(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(ConfigurationError) as caught, exclusive(tmp_path):
        pass
    assert f"process {os.getpid()}" in caught.value.message
    assert "make stop" in caught.value.message


def test_a_launcher_that_ended_frees_the_folder(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass


@pytest.mark.parametrize("folder", ["log", "storage"])
def test_a_file_in_the_place_of_a_folder_ends_the_start_in_a_sentence(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).touch()
    with pytest.raises(ConfigurationError, match=f"{folder} cannot be made a folder"):
        lay_out(plan_stack(Settings(data_dir=tmp_path), working_folder=tmp_path))
