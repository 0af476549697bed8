"""What is asked of Redis before a part starts: one that lets nobody in or would lose jobs ends the start."""

from typing import Final

import redis

from common.errors import ConfigurationError, JobStoreUnavailableError, RedisLoginError
from common.redis_client import connect, require_broker, require_durable
from common.redis_urls import RedisAddress, read_redis_url
from common.settings import Settings

_REMEDY: Final = (
    "Set DENTIQ_REDIS_PASSWORD, or user and password in DENTIQ_REDIS_URL and DENTIQ_JOB_STORE_URL, to what it expects"
)
_REMEDY_OF_RIGHTS: Final = "Give this user all commands, keys and channels (`+@all ~* &*`)"
_REMEDY_OF_SENTINELS: Final = "Set DENTIQ_SENTINEL_PASSWORD to what they expect"
_RIGHTS_OF_SENTINELS: Final = "Give their default user the command `sentinel masters` (`+sentinel|masters`)"


def refuse_unusable_redis(settings: Settings) -> JobStoreUnavailableError | None:
    """Refuse a Redis that no waiting makes good; one that is away may come back.

    Returns:
        The fault, where the job store or the broker does not answer.

    Raises:
        ConfigurationError: The job store would lose jobs, the broker is of no use to Celery, or one of them does not
            let us in. The message says what was used, without the password, and what to do.
    """
    fault, away = None, None
    checks = (
        (settings.effective_redis_url, require_broker),
        (settings.effective_job_store_url, require_durable),
    )
    for url, check in checks:
        address = read_redis_url(url)
        if (address.hosts, address.master) == away:
            # Both are one Redis as a rule, and one that is silent costs the start a time-out.
            continue
        try:
            with connect(url, timeout_seconds=settings.redis_timeout_seconds, max_connections=2) as client:
                check(client)
        except RedisLoginError as error:
            raise login_refused(url, error) from error
        except JobStoreUnavailableError as error:
            fault, away = error, (address.hosts, address.master)
    return fault


def login_refused(url: str, error: RedisLoginError) -> ConfigurationError:
    """Say whom Redis did not let in, and what to set."""
    address = read_redis_url(url)
    hosts = ", ".join(f"{host}:{port}" for host, port in address.hosts)
    if isinstance(error.__cause__, redis.sentinel.MasterNotFoundError):
        how = "with the sentinels' password" if address.sentinel_password else "without a password of theirs"
        lacks = error.__cause__.__cause__
        what = f": {str(lacks).rstrip('.')}. {_RIGHTS_OF_SENTINELS}" if lacks else f". {_REMEDY_OF_SENTINELS}"
        return ConfigurationError(f"The sentinels at {hosts} do not let dentiq in, {how}{what}. dentiq does not start.")
    where = f"The Redis {address.master!r} of the sentinels at {hosts}" if address.master else f"The Redis at {hosts}"
    return ConfigurationError(
        f"{where} does not let dentiq in, {_login(address)}: {_reason(error, address)}. dentiq does not start."
    )


def _login(address: RedisAddress) -> str:
    password = "with a password" if address.password else "without a password"
    return f"as user {address.username!r} {password}" if address.username else password


def _reason(error: RedisLoginError, address: RedisAddress) -> str:
    told = str(error.__cause__).rstrip(".")
    if isinstance(error.__cause__, redis.exceptions.NoPermissionError):
        return f"{told}. {_REMEDY_OF_RIGHTS}"
    # Redis's own words for a missing password are about its protocol.
    return f"{told if address.password else 'it asks for one'}. {_REMEDY}"
