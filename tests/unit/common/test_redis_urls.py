"""What a Redis URL may say, and what is made of it."""

import pytest

from common.errors import ConfigurationError
from common.redis_urls import celery_broker, complete, next_database, read_redis_url
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
    ],
)
def test_what_is_no_such_url_is_refused_by_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Settings.from_env({"DENTIQ_REDIS_URL": url})


def test_the_job_store_takes_the_next_database_of_whatever_url() -> None:
    assert next_database(SENTINELS) == SENTINELS.replace("/2?", "/3?")
    assert Settings.from_env({"DENTIQ_REDIS_URL": "rediss://host"}).effective_job_store_url == "rediss://host/1"


def test_a_password_and_certificates_have_settings_of_their_own(tmp_path) -> None:
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


def test_celery_hears_of_every_sentinel_with_password_database_and_tls() -> None:
    url = complete(
        "sentinels://a:1,b:2/0?master=main", password="p@ss", sentinel_password="own", tls={"ssl_ca_certs": "/ca"}
    )
    broker = celery_broker(url)
    assert broker["broker_url"] == "sentinel://:p%40ss@a:1/0;sentinel://:p%40ss@b:2/0"
    assert broker["broker_use_ssl"] == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/ca"}
    options = broker["broker_transport_options"]
    assert options["master_name"] == "main"
    assert options["sentinel_kwargs"].items() >= {"password": "own", "ssl": True, "ssl_ca_certs": "/ca"}.items()
