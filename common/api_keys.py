"""API keys: what they are, and the file that holds their digests. The text of a key is shown once, when it is made."""

import fcntl
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import ConfigurationError
from common.flushing import flush_folder

# The name by which a key is spoken of (lists, logs, revocation) and its secret part: 40 and 256 random bits.
_ID_BYTES: Final = 5
_SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(r"dentiq_([0-9a-f]{10})_([A-Za-z0-9_-]{43})")

# Compared with where there is no such key, so that the answer takes as long.
_NO_DIGEST: Final = "0" * 64


# Time of the last change, inode, size.
_State = tuple[int, int, int]


class Scope(str, Enum):
    """What a key may do: send and erase, read, look after the platform. The last includes the others."""

    SUBMIT = "submit"
    READ = "read"
    ADMIN = "admin"


class ApiKey(BaseModel):
    """One key, without its secret.

    Attributes:
        id: Its visible name, the part after `dentiq_`.
        name: Whose it is, in the operator's words.
        digest: SHA-256 of the secret part, hexadecimal. A slow hash would protect nothing: nobody guesses 256 bits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    digest: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    revoked_at: datetime | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether it may do this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: tuple[ApiKey, ...] = ()


class KeyFile:
    """Read and change the keys; a change is seen by every process at its next look, without a restart.

    Args:
        path: A JSON file; none means that there are no keys.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # What the keys were read from, and the keys: one attribute, for two threads that store two of them mix a newer
        # state with older keys, and hide a revocation.
        self._read_last: tuple[_State | None, dict[str, ApiKey]] = (None, {})

    def all(self) -> list[ApiKey]:
        """List every key, revoked ones too.

        Raises:
            ConfigurationError: The file cannot be read.
        """
        return list(self._read().values())

    def active(self) -> list[ApiKey]:
        """List the keys that open something; raises as `all` does."""
        return [key for key in self.all() if key.revoked_at is None]

    def find(self, key_id: str) -> ApiKey | None:
        """Give the key of this id unless it was revoked; raises as `all` does."""
        key = self._read().get(key_id)
        return key if key is not None and key.revoked_at is None else None

    def verify(self, text: str) -> ApiKey | None:
        """Give the key whose text this is, unless it was revoked; raises as `all` does."""
        parts = _TEXT.fullmatch(text)
        if parts is None:
            return None
        key = self.find(parts[1])
        same = hmac.compare_digest(_digest(parts[2]), key.digest if key else _NO_DIGEST)
        return key if same else None

    def make(self, name: str, scopes: Sequence[Scope]) -> tuple[ApiKey, str]:
        """Add a key; return it and its text, which is kept nowhere. Raises as `all` does."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        key = ApiKey(
            id=secrets.token_hex(_ID_BYTES),
            name=name,
            digest=_digest(secret),
            scopes=tuple(scopes),
            created_at=datetime.now(timezone.utc),
        )
        with self._changing() as keys:
            keys[key.id] = key
        return key, f"dentiq_{key.id}_{secret}"

    def revoke(self, key_id: str) -> ApiKey | None:
        """Let a key open nothing any more; None if there is no such key. Raises as `all` does."""
        with self._changing() as keys:
            key = keys.get(key_id)
            if key is not None and key.revoked_at is None:
                keys[key_id] = key = key.model_copy(update={"revoked_at": datetime.now(timezone.utc)})
        return key

    def _read(self) -> dict[str, ApiKey]:
        try:
            found = self.path.stat()
            # Looked at before the file is read: a newer file under an older state is read once more.
            state = (found.st_mtime_ns, found.st_ino, found.st_size)
            known, keys = self._read_last
            if state != known:
                content = _Content.model_validate_json(self.path.read_bytes())
                keys = {key.id: key for key in content.keys}
                self._read_last = (state, keys)
        except FileNotFoundError:
            self._read_last = (None, {})
            return {}
        except (OSError, ValidationError) as error:
            self._read_last = (None, {})
            raise ConfigurationError(f"The file of API keys {self.path} cannot be read: {error}") from error
        return keys

    @contextmanager
    def _changing(self) -> Iterator[dict[str, ApiKey]]:
        """Change the keys under a lock, then put the whole file in place at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = dict(self._read())
            yield keys
            scratch = self.path.with_name(f".{self.path.name}.part")
            descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(_Content(keys=tuple(keys.values())).model_dump_json(indent=1) + "\n")
                file.flush()
                os.fsync(descriptor)
            scratch.replace(self.path)
            # A loss of power would bring a revoked key back.
            flush_folder(self.path.parent)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
