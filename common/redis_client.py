"""The connection to Redis: one bounded pool, errors in our terms, and the refusal of a Redis that would drop jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool

from common.errors import ConfigurationError, JobStoreUnavailableError, RedisLoginError, UnsafeRedisError
from common.redis_urls import RedisAddress, read_redis_url, sentinel_arguments
from common.redis_version import OLDEST_REDIS, is_too_old

# One command is tried three times within about 0.3 s: enough for a connection that Redis closed meanwhile, short
# enough that a caller hears soon that Redis is down. A time-out is not tried again: connecting and sending each try
# three times, and a Redis that is silent would cost a caller nine time-outs instead of one.
_RETRIES = 2
_RETRIED = (redis.ConnectionError,)

# Replies by which Redis says "not you": a wrong or missing password, a user without the right to a command.
_REFUSED_LOGINS = (
    redis.AuthenticationError,
    redis.exceptions.AuthorizationError,
    redis.exceptions.NoPermissionError,
)

# Replies by which Redis says "not now": memory full, replica, primary away; and as text: disk full, busy with a script,
# a replica since a read began to wait.
_REFUSALS = (redis.exceptions.OutOfMemoryError, redis.ReadOnlyError, redis.exceptions.MasterDownError)
# No sentinel names a master: redis-py tells the reason of each in the text of its error, `_Sentinels` as its cause.
_SENTINELS_REFUSE = redis.AuthenticationError.__name__
_NO_DATABASE = "DB index is out of range"
_CLUSTER_WITHOUT_DATABASES = "SELECT is not allowed in cluster mode"
_CLUSTER = "it runs as a cluster, which Celery's Redis transport cannot use (take a single primary, or sentinels)"
_REFUSAL_WORDS = ("MISCONF", "BUSY", "NOREPLICAS", "UNBLOCKED")


def connect(url: str, *, timeout_seconds: float, max_connections: int, retries: int = _RETRIES) -> redis.Redis:
    """Make a client that reconnects by itself; nothing is sent yet.

    Args:
        url: As `common.redis_urls` says, with the database number.
        timeout_seconds: Longest wait to connect, for one answer, and for a free connection of the pool.
        max_connections: Size of the pool, shared by all threads of the process.
        retries: How often a command is sent again whose connection broke.
    """
    pool = connection_pool(
        url,
        timeout_seconds=timeout_seconds,
        max_connections=max_connections,
        socket_keepalive=True,
        health_check_interval=25,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries, supported_errors=_RETRIED),
        decode_responses=True,
    )
    # Closed with its client: of another pool than its own redis-py would leave the sockets to the garbage collector.
    return redis.Redis.from_pool(pool)


def connection_pool(
    url: str, *, timeout_seconds: float, max_connections: int, **connection: Any
) -> redis.BlockingConnectionPool:
    """Make a bounded pool whose callers wait for a free connection.

    Args:
        connection: More arguments of redis-py's connections.
    """
    address = read_redis_url(url)
    arguments = {
        "db": address.database,
        "username": address.username,
        "password": address.password,
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        **connection,
        **(address.tls or {}),
    }
    if address.master:
        return _SentinelPool(address, timeout=timeout_seconds, max_connections=max_connections, **arguments)
    ((host, port),) = address.hosts
    return redis.BlockingConnectionPool(  # type: ignore[no-untyped-call]  # redis-py types its commands, not its pools
        connection_class=redis.Connection if address.tls is None else redis.SSLConnection,
        host=host,
        port=port,
        timeout=timeout_seconds,
        max_connections=max_connections,
        **arguments,
    )


class _Sentinels(Sentinel):
    """Sentinels whose refusal of a command is told from one by the Redis that they watch."""

    def discover_master(self, service_name: str) -> Any:
        """Ask them for the master.

        Raises:
            MasterNotFoundError: They name none, or do not let us ask; its cause is their refusal then.
        """
        try:
            return super().discover_master(service_name)  # type: ignore[no-untyped-call]
        except redis.exceptions.NoPermissionError as error:
            raise MasterNotFoundError(f"The sentinels do not name {service_name!r}: {error}") from error


class _SentinelPool(SentinelConnectionPool, redis.BlockingConnectionPool):
    """A bounded pool of connections to whichever Redis the sentinels call the master; asked at each new connection."""

    def __init__(self, address: RedisAddress, **arguments: Any) -> None:
        sentinels = _Sentinels(  # type: ignore[no-untyped-call]
            address.hosts, sentinel_kwargs=sentinel_arguments(address)
        )
        super().__init__(  # type: ignore[no-untyped-call]
            address.master, sentinels, ssl=address.tls is not None, **arguments
        )


@contextmanager
def redis_errors_translated() -> Iterator[None]:
    """Turn what redis-py raises when Redis is away or refuses writes into `JobStoreUnavailableError`."""
    try:
        yield
    except _REFUSED_LOGINS as error:
        raise _login_refused() from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        if isinstance(error, MasterNotFoundError) and (error.__cause__ is not None or _SENTINELS_REFUSE in str(error)):
            raise _login_refused() from error
        raise JobStoreUnavailableError("Redis does not answer; try again in a few seconds.") from error
    except redis.InvalidResponse as error:
        raise JobStoreUnavailableError("What answers is no Redis; check the URL and its port.") from error
    except redis.ResponseError as error:
        if str(error).startswith(_CLUSTER_WITHOUT_DATABASES):
            raise UnsafeRedisError(f"This Redis cannot be used: {_CLUSTER}. dentiq does not start.") from error
        if str(error).startswith(_NO_DATABASE):
            raise ConfigurationError(
                "Redis has no database of this number; name another one by DENTIQ_REDIS_URL or DENTIQ_JOB_STORE_URL "
                "(without the latter the job store takes the database after the broker's)."
            ) from error
        if not isinstance(error, _REFUSALS) and not str(error).startswith(_REFUSAL_WORDS):
            raise
        raise JobStoreUnavailableError("Redis refuses to work now (full, or not ready); try again later.") from error


def _login_refused() -> RedisLoginError:
    return RedisLoginError("Redis does not let this server in; its operator must set the right password.")


def require_durable(client: redis.Redis) -> None:
    """Refuse a Redis that could lose accepted jobs, or is too old for them.

    Raises:
        UnsafeRedisError: Its append-only file is off, it may evict keys, it is too old, or it is a cluster. The message
            says how to set it right.
        JobStoreUnavailableError: Redis does not answer.
    """
    with redis_errors_translated():
        info = client.info()
    faults = []
    version = str(info.get("redis_version", ""))
    if is_too_old(version):
        faults.append(f"it is version {version} (take {OLDEST_REDIS} or newer)")
    if not int(info.get("aof_enabled", 0)):
        faults.append("its append-only file is off (set `appendonly yes`)")
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        faults.append(f"it evicts keys when full by {policy} (set `maxmemory-policy noeviction`)")
    if int(info.get("cluster_enabled", 0)):
        faults.append(_CLUSTER)
    if faults:
        raise UnsafeRedisError(
            f"This Redis cannot be the job store: {'; '.join(faults)}. dentiq takes no jobs until then."
        )


def require_broker(client: redis.Redis) -> None:
    """Refuse a broker that Celery cannot use; hints may be lost, so it need not keep them.

    Raises:
        UnsafeRedisError: It is a cluster.
        JobStoreUnavailableError: Redis does not answer.
    """
    with redis_errors_translated():
        if int(client.info("cluster").get("cluster_enabled", 0)):
            raise UnsafeRedisError(f"This Redis cannot be the broker: {_CLUSTER}. dentiq does not start.")
