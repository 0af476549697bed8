"""Idempotency keys: text that a sender chose, made the name of one request of one sender."""

from hashlib import sha256

from flask import g


def idempotency_name(key: str, *scope: str) -> str:
    """Name a repeatable request of the current request's sender.

    The API key that sent it is a part of the name: two senders who chose the same text do not meet. Senders without
    an API key, on a server that asks for none, share theirs.

    Args:
        key: As the sender chose it.
        scope: The kind of request, and what it is about: the same key on another kind is another key.
    """
    digest = sha256()
    # The lengths keep apart what concatenation would mix.
    for part in (_sender(), *scope, key):
        encoded = part.encode(errors="replace")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()


def _sender() -> str:
    api_key = g.get("api_key")
    return api_key.id if api_key is not None else ""
