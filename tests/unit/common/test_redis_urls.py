"""What a Redis URL may say, and what is made of it."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from common.redis_urls import TlsFiles, celery_broker, complete, next_database, read_redis_url
from common.settings import Settings

SENTINELS = "sentinel://a:26379,b,[::1]:26380/2?master=main"


def test_a_plain_url_is_read() -> None:
    address = read_redis_url("redis://user:p%40ss@host:6380/3")
    assert (address.hosts, address.database) == ((("host", 6380),), 3)
    assert (address.username, address.password, address.tls) == ("user", "p@ss", None)


def test_sentinels_are_read_with_the_port_that_they_usually_have() -> None:
    address = read_redis_url(SENTINELS)
    assert address.hosts == (("a", 26379), ("b", 26379), ("::1", 26380))
    assert (address.master, address.database) == ("main", 2)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://host", "must begin with redis://, rediss://, sentinel:// or sentinels://"),
        ("redis://host/zero", "number of a database"),
        ("redis:///0", "must name a host"),
        ("redis://a,b/0", "only of sentinels"),
        ("sentinel://a:26379/0", "sentinels are named with the Redis that they watch"),
        ("redis://host/0?master=main", "sentinels are named with the Redis that they watch"),
        ("redis://host/0?socket_timeout=5", "stands socket_timeout, and redis:// takes nothing there"),
        ("redis://host/0?ssl_ca_certs=/ca.pem", "stands ssl_ca_certs, and redis:// takes nothing there"),
        ("rediss://host/0?ssl_cafile=/ca.pem", "stands ssl_cafile, and rediss:// takes ssl_ca_certs, ssl_certfile"),
        ("sentinel://a/0?master=m&db=1&x", "stands db and x, and sentinel:// takes master, sentinel_password"),
        ("rediss://host/0?ssl_check_hostname=no", "ssl_check_hostname must be true or false, not 'no'"),
        ("rediss://host/0?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs must be required or none, not 'CERT_NONE'"),
    ],
)
def test_what_is_no_such_url_is_refused_by_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Settings.from_env({"DENTIQ_REDIS_URL": url})


@pytest.mark.parametrize("url", ["redis://:pass?word=1@host/0", "redis://:pass#word@host/0"])
def test_a_password_that_was_not_quoted_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"in a password . reads %3F, and # reads %23") as refusal:
        Settings.from_env({"DENTIQ_REDIS_URL": url})
    assert "word=" not in str(refusal.value)
    assert "stands something" in str(refusal.value)


def test_a_host_name_goes_unchecked_only_where_the_url_says_so() -> None:
    for text, meant in (("true", True), ("false", False)):
        assert read_redis_url(f"rediss://host/0?ssl_check_hostname={text}").tls == {"ssl_check_hostname": meant}
    assert celery_broker("rediss://host/0?ssl_check_hostname=false")["broker_use_ssl"]["ssl_check_hostname"] is False


def test_the_job_store_takes_the_next_database_of_whatever_url() -> None:
    assert next_database(SENTINELS) == SENTINELS.replace("/2?", "/3?")
    assert Settings.from_env({"DENTIQ_REDIS_URL": "rediss://host"}).effective_job_store_url == "rediss://host/1"


def test_a_password_and_certificates_have_settings_of_their_own(tmp_path: Path) -> None:
    for name in ("password", "ca.pem"):
        (tmp_path / name).write_text("p@ss:w/rd\n")
    settings = Settings.from_env(
        {
            "DENTIQ_REDIS_URL": "rediss://host/0",
            "DENTIQ_JOB_STORE_URL": "redis://:own@other/0",
            "DENTIQ_REDIS_PASSWORD_FILE": str(tmp_path / "password"),
            "DENTIQ_REDIS_CA_FILE": str(tmp_path / "ca.pem"),
        }
    )
    broker, job_store = read_redis_url(settings.effective_redis_url), read_redis_url(settings.effective_job_store_url)
    assert (broker.password, broker.tls) == ("p@ss:w/rd", {"ssl_ca_certs": str(tmp_path / "ca.pem")})
    # A password of its own stays, and who asks for no TLS needs no certificate.
    assert (job_store.password, job_store.tls) == ("own", None)
    assert "p@ss" not in repr(settings)
    assert "own" not in repr(settings)


def test_a_certificate_that_is_not_there_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match=r"DENTIQ_REDIS_CA_FILE is '/nowhere/ca\.pem'"):
        Settings.from_env({"DENTIQ_REDIS_CA_FILE": "/nowhere/ca.pem"})


@pytest.mark.parametrize("setting", ["DENTIQ_REDIS_CA_FILE", "DENTIQ_REDIS_CERT_FILE", "DENTIQ_REDIS_KEY_FILE"])
def test_a_certificate_that_no_connection_would_use_is_a_wrong_setting(tmp_path: Path, setting: str) -> None:
    file = tmp_path / "some.pem"
    file.touch()
    plain = {"DENTIQ_REDIS_URL": "redis://host/0", setting: str(file)}
    with pytest.raises(ConfigurationError, match=rf"{setting} is .*some\.pem.*with rediss:// or sentinels:// alone"):
        Settings.from_env(plain)
    assert Settings.from_env(plain | {"DENTIQ_JOB_STORE_URL": "rediss://host/1"})


def test_a_password_of_sentinels_that_nobody_asks_is_a_wrong_setting() -> None:
    plain = {"DENTIQ_REDIS_URL": "redis://host/0", "DENTIQ_SENTINEL_PASSWORD": "hunter2"}
    with pytest.raises(
        ConfigurationError, match=r"DENTIQ_SENTINEL_PASSWORD is .*with sentinel:// or sentinels:// alone"
    ) as told:
        Settings.from_env(plain)
    assert "hunter2" not in told.value.message
    assert Settings.from_env(plain | {"DENTIQ_JOB_STORE_URL": "sentinel://host/1?master=m"})


def test_celery_hears_of_every_sentinel_with_password_database_and_tls() -> None:
    url = complete(
        "sentinels://a:1,b:2/0?master=main", password="p@ss", sentinel_password="own", tls=TlsFiles(Path("/ca"))
    )
    broker = celery_broker(url)
    assert broker["broker_url"] == "sentinel://:p%40ss@a:1/0;sentinel://:p%40ss@b:2/0"
    assert broker["broker_use_ssl"] == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/ca"}
    options = broker["broker_transport_options"]
    assert options["master_name"] == "main"
    assert options["sentinel_kwargs"].items() >= {"password": "own", "ssl": True, "ssl_ca_certs": "/ca"}.items()
