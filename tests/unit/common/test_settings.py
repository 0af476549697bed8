from pathlib import Path

import pytest

from common.errors import ConfigurationError
from common.settings import Settings


def test_an_unknown_variable_is_refused_and_the_nearest_name_suggested() -> None:
    with pytest.raises(ConfigurationError, match=r"DENTIQ_REDIS_URI is no setting.*did you mean DENTIQ_REDIS_URL"):
        Settings.from_env({"DENTIQ_REDIS_URI": "redis://elsewhere"})


def test_a_bad_value_names_the_variable_the_value_and_what_is_allowed() -> None:
    with pytest.raises(
        ConfigurationError, match=r"DENTIQ_PORT is '99999': Input should be less than or equal to 65535"
    ):
        Settings.from_env({"DENTIQ_PORT": "99999"})


def test_a_bad_secret_is_named_but_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"DENTIQ_REDIS_URL": "http://user:hunter2@host"})
    assert "DENTIQ_REDIS_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["unix:///run/redis.sock", "redis://host/abc", "redis://host/0/1"])
def test_a_redis_url_that_could_not_be_used_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DENTIQ_REDIS_URL"):
        Settings.from_env({"DENTIQ_REDIS_URL": url})


def test_a_secret_is_read_from_a_file_and_masked_in_print(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://:hunter2@host/3\n")
    settings = Settings.from_env({"DENTIQ_REDIS_URL_FILE": str(tmp_path / "url")})
    assert settings.redis_url.get_secret_value() == "redis://:hunter2@host/3"
    assert "hunter2" not in repr(settings)


def test_an_unreadable_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DENTIQ_REDIS_URL_FILE names the file"):
        Settings.from_env({"DENTIQ_REDIS_URL_FILE": str(tmp_path / "absent")})


def test_only_secrets_may_come_from_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DENTIQ_PORT_FILE is no setting"):
        Settings.from_env({"DENTIQ_PORT_FILE": str(tmp_path / "port")})


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_env({"DENTIQ_PORT": ""}).port == Settings().port


def test_variables_without_the_prefix_are_not_ours() -> None:
    assert Settings.from_env({"PORT": "1", "HOME": "/x"}) == Settings()


def test_settings_cannot_be_changed_after_the_start() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1


@pytest.mark.parametrize(
    ("broker", "job_store"),
    [
        ("redis://host:1/0", "redis://host:1/1"),
        ("redis://host:1", "redis://host:1/1"),
        ("rediss://user:p%40ss@host/4?ssl_cert_reqs=none", "rediss://user:p%40ss@host/5?ssl_cert_reqs=none"),
    ],
)
def test_the_job_store_takes_the_next_database_of_the_same_redis(broker: str, job_store: str) -> None:
    assert Settings.from_env({"DENTIQ_REDIS_URL": broker}).effective_job_store_url == job_store


def test_the_job_store_may_have_a_redis_of_its_own() -> None:
    settings = Settings.from_env({"DENTIQ_JOB_STORE_URL": "redis://other/7"})
    assert settings.effective_job_store_url == "redis://other/7"


def test_only_web_addresses_become_links() -> None:
    with pytest.raises(ConfigurationError, match="DENTIQ_FLOWER_URL"):
        Settings.from_env({"DENTIQ_FLOWER_URL": "javascript:alert(1)"})
    assert Settings.from_env({"DENTIQ_FLOWER_URL": "https://flower.example/"}).flower_url
