"""Settings of a process on this machine: `.env`, the environment and PORT."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from infra.environment import settings_from
from infra.local.env_file import read_environment


def test_port_beats_the_prefixed_variable() -> None:
    assert settings_from({"PORT": "8080", "DENTIQ_PORT": "5001"}).port == 8080


def test_without_port_the_prefixed_variable_counts() -> None:
    assert settings_from({"DENTIQ_PORT": "5001"}).port == 5001


@pytest.mark.parametrize("port", ["http", "-1", "80.5"])
def test_a_port_that_is_no_number_is_named(port: str) -> None:
    with pytest.raises(ConfigurationError, match=r"PORT is .*1 to 65535"):
        settings_from({"PORT": port})


def test_the_environment_beats_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DENTIQ_PORT=6001\nDENTIQ_LOG_LEVEL=DEBUG\n")
    variables = read_environment({"DENTIQ_PORT": "6002"}, folder=tmp_path)
    assert variables == {"DENTIQ_PORT": "6002", "DENTIQ_LOG_LEVEL": "DEBUG"}


def test_without_an_env_file_the_environment_stands_alone(tmp_path: Path) -> None:
    assert read_environment({"HOME": "/root"}, folder=tmp_path) == {"HOME": "/root"}


def test_the_variable_of_the_client_is_no_setting_of_the_server(tmp_path: Path) -> None:
    variables = read_environment({"DENTIQ_URL": "http://127.0.0.1:5000"}, folder=tmp_path)
    assert settings_from(variables).port == 5000
