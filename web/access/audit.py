"""Who submitted, read and erased what: one log line each, where requests carry keys that tell who it was."""

from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from time import monotonic
from typing import Final

import structlog
from flask import Flask, Response, g, request

from common.settings import Settings
from web.access.guard import SAFE_METHODS

# A page asks for its job every few seconds: the same reader of the same thing is noted once in this time.
_REPEATED_SECONDS: Final = 600.0

# Readings that one process remembers, about 100 bytes each.
_REMEMBERED: Final = 10_000

# It shows jobs of everybody, and has no id.
_LIST_OF_ALL: Final = "corrections.list_corrected"

_CORRECTIONS: Final = frozenset(
    {"corrections.correct", "corrections.withdraw", "results.correct", "results.withdraw_correction"}
)

# A name of its own, whose lines no log level leaves out (see common.logging).
_log = structlog.get_logger("dentiq.audit")


def audit_name(job_or_batch_id: str) -> str:
    """Name a job or batch in the log: its id is the key to it, and logs are read by more people than jobs are."""
    return sha256(job_or_batch_id.encode()).hexdigest()[:16]


class Audit:
    """Note what keys do with jobs and batches."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = Lock()

    def note(self, response: Response) -> Response:
        """Note the current request if it was granted and touched somebody's photographs."""
        key = g.get("api_key")
        thing = _thing(response)
        if key is None or thing is None or response.status_code >= 400:
            return response
        action = _action(request.method, request.endpoint or "")
        if action != "read" or self._is_new(key.id, thing):
            _log.info("audit", action=action, key=key.id, thing=audit_name(thing), route=_route())
        return response

    def _is_new(self, key_id: str, thing: str) -> bool:
        now = monotonic()
        with self._lock:
            latest = self._seen.get((key_id, thing))
            if latest is not None and now < latest + _REPEATED_SECONDS:
                return False
            self._seen[key_id, thing] = now
            self._seen.move_to_end((key_id, thing))
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return True


def register_audit(app: Flask, settings: Settings) -> None:
    """Note what the keys of an app do; without keys nobody can be named, and nothing is noted."""
    if settings.keys_required:
        app.after_request(Audit().note)


def _thing(response: Response) -> str | None:
    """Name the job or batch of the current request: in its address, or made by it."""
    arguments = request.view_args or {}
    named = arguments.get("job_id") or arguments.get("batch_id")
    if request.endpoint == _LIST_OF_ALL:
        return _LIST_OF_ALL
    if named:
        return str(named)
    made = response.headers.get("Location", "") or response.headers.get("HX-Push-Url", "")
    return made.rpartition("/")[2] if "/jobs/" in made or "/batches/" in made else None


def _action(method: str, endpoint: str) -> str:
    if endpoint in _CORRECTIONS:
        return "correct"
    if method == "DELETE" or endpoint.endswith(".delete"):
        return "erase"
    if endpoint.endswith(".cancel"):
        return "cancel"
    return "read" if method in SAFE_METHODS else "submit"


def _route() -> str:
    return f"{request.method} {request.url_rule.rule if request.url_rule else ''}"
