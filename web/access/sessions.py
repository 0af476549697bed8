"""Signed-in browsers: a random cookie, whose digest leads to an API key for half a day."""

import secrets
from hashlib import sha256
from typing import Final

import redis

from common.jobs import keys
from common.redis_client import redis_errors_translated

# A working day.
LIFE_SECONDS: Final = 12 * 3600

_COOKIE_BYTES: Final = 32
_LONGEST_COOKIE: Final = 64


class Sessions:
    """Begin, find and end sessions; every method raises `JobStoreUnavailableError` when Redis does not answer.

    They live in Redis, not in a signed cookie: signing out ends one, every web process knows it, and no secret must be
    shared. Only digests are stored, so that whoever reads Redis or its file can sign in nowhere.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def begin(self, key_id: str) -> str:
        """Begin a session of a key; return what the cookie holds."""
        cookie = secrets.token_urlsafe(_COOKIE_BYTES)
        with redis_errors_translated():
            self._redis.set(_name(cookie), key_id, ex=LIFE_SECONDS)
        return cookie

    def key_id(self, cookie: str) -> str | None:
        """Name the key of a session that still lives."""
        if len(cookie) > _LONGEST_COOKIE:
            return None
        with redis_errors_translated():
            found = self._redis.get(_name(cookie))
        return str(found) if found is not None else None

    def end(self, cookie: str) -> None:
        """End a session."""
        with redis_errors_translated():
            self._redis.delete(_name(cookie))


def _name(cookie: str) -> str:
    return keys.SESSION + sha256(cookie.encode(errors="replace")).hexdigest()
