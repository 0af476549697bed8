"""Whether the platform is ready, and what stands in the way if it is not."""

import http.client
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from common.errors import JobStoreUnavailableError, RedisLoginError
from common.redis_client import connect, redis_errors_translated
from common.redis_start import login_refused
from common.redis_urls import read_redis_url
from common.settings import Settings
from infra.local.control import PartState
from infra.local.part import Listener, Part

_LOG_LINES = 12
_LOG_TAIL_BYTES = 8192

# A Redis that others run is there at once or not at all; who waits at a terminal wants to hear of it.
_REDIS_SECONDS = 2.0


def ask_readyz(base_url: str) -> tuple[bool, str]:
    """Ask `/readyz` once.

    Returns:
        Whether it is 200, and what the server said otherwise.
    """
    try:
        with urlopen(f"{base_url}/readyz", timeout=5) as answer:  # noqa: S310  our own http:// address
            return answer.status == 200, ""
    except HTTPError as error:
        with error:
            return False, _reason(error.read(4096)) or f"/readyz answers {error.code}"
    except (URLError, OSError, http.client.HTTPException):
        return False, "web does not answer yet"


def redis_fault(settings: Settings) -> str:
    """Ask each Redis that others run whether it answers, for seconds at most; empty if so, else what is wrong.

    Raises:
        ConfigurationError: One does not let us in, and so would none of the parts.
    """
    for url in dict.fromkeys((settings.effective_redis_url, settings.effective_job_store_url)):
        try:
            with connect(url, timeout_seconds=_REDIS_SECONDS, max_connections=4) as client, redis_errors_translated():
                client.ping()
        except RedisLoginError as error:
            raise login_refused(url, error) from error
        except JobStoreUnavailableError as error:
            # Never the URL: it may hold a password.
            hosts = ", ".join(f"{host}:{port}" for host, port in read_redis_url(url).hosts)
            return f"{hosts} - {error.__cause__ or error}."
    return ""


def _reason(body: bytes) -> str:
    try:
        content = json.loads(body)
    except ValueError:
        return ""
    return str(content.get("detail") or "") if isinstance(content, dict) else ""


def describe_absent(parts: Sequence[Part], states: dict[str, PartState], *, log_dir: Path) -> str:
    """Name each part that is not up, with the last lines of its log; empty when all are."""
    return "\n".join(
        describe_part(part.name, states.get(part.name), log_dir=log_dir)
        for part in parts
        if not _is_up(part, states.get(part.name))
    )


def describe_part(name: str, state: PartState | None, *, log_dir: Path) -> str:
    """Say how a part is, with the last lines of its log."""
    situation = f"{state.state.lower()}, {state.description}" if state is not None else "not started"
    log = log_dir / f"{name}.log"
    lines = "\n".join(f"    {line}" for line in last_lines(log))
    return f"  {name} is not up ({situation}). Its log, {log}, ends:\n{lines or '    (nothing)'}"


def _is_up(part: Part, state: PartState | None) -> bool:
    if state is None or not state.up:
        return False
    return part.listener is None or _listens(part.listener)


def _listens(listener: Listener) -> bool:
    try:
        with socket.create_connection(listener.reachable, timeout=1):
            return True
    except OSError:
        return False


def last_lines(log: Path) -> list[str]:
    """Read the last lines of a log."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LOG_TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        return []
