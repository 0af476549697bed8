"""One webhook, sent once: body and signature by the Standard Webhooks specification, version 1.0."""

import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

import httpcore
import orjson
from standardwebhooks import Webhook
from structlog import get_logger

from common.errors import DentiqError, WebhookError, WebhookTimeoutError, WebhookUnreachableError
from common.jobs.deliveries import Attempt, DeliveryClaim, Event, Subject
from worker.webhooks.network import GuardedNetwork

log = get_logger(__name__)

_PATHS: Final = {Subject.JOB: "/api/v1/jobs/", Subject.BATCH: "/api/v1/batches/"}


@dataclass(frozen=True)
class Sender:
    """Send webhooks.

    Attributes:
        secrets: Each of them signs, so that a receiver may know either while they change.
        allow_private: Whether receivers may have private addresses.
        timeout_seconds: Longest time for one attempt, from the look at the name's address to the status of the answer.
    """

    secrets: Sequence[str]
    allow_private: bool
    timeout_seconds: float

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        """Read the system's certificates, to which an operator may add: 50 ms of a core, so not for every attempt."""
        return ssl.create_default_context()

    def send(self, claim: DeliveryClaim) -> Attempt:
        """Send a webhook once and tell what came of it; a redirect is an answer and is not followed."""
        now = datetime.now(timezone.utc)
        started = time.monotonic()
        status: int | None = None
        failure: DentiqError | None = None
        try:
            status = self._post(claim, now)
        except DentiqError as error:
            failure = error
        except Exception:  # an attempt that nobody noted would be repeated without end
            log.exception("webhook_crashed", delivery=claim.id)
            failure = WebhookError("The message could not be sent, by a fault of this server.")
        return _attempt(now, time.monotonic() - started, status, failure)

    def _post(self, claim: DeliveryClaim, now: datetime) -> int:
        body = payload(claim.event)
        network = GuardedNetwork(allow_private=self.allow_private, seconds=self.timeout_seconds)
        certificates = self._certificates if urlsplit(claim.url).scheme == "https" else None
        # A pool of its own: a connection that ends with its request.
        try:
            with (
                httpcore.ConnectionPool(ssl_context=certificates, network_backend=network) as pool,
                pool.stream("POST", claim.url, headers=self._headers(claim.id, body, now), content=body) as answer,
            ):
                # The status is all that counts: a body of any size is left unread.
                return int(answer.status)
        except httpcore.TimeoutException as error:
            raise WebhookTimeoutError("The receiver does not answer in time.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
            # The reason helps whoever wrote the receiver; it says nothing of our network, which is not entered.
            raise WebhookUnreachableError(f"The receiver cannot be reached: {error}."[:200]) from error

    def _headers(self, delivery_id: str, body: bytes, now: datetime) -> list[tuple[str | bytes, str | bytes]]:
        signatures = (Webhook(secret).sign(delivery_id, now, body.decode()) for secret in self.secrets)
        return [
            ("Content-Type", "application/json"),
            ("User-Agent", f"dentiq/{version('dentiq')}"),
            ("webhook-id", delivery_id),
            ("webhook-timestamp", str(int(now.timestamp()))),
            ("webhook-signature", " ".join(signatures)),
        ]


def give_up() -> Attempt:
    """Tell of a webhook whose attempts have all begun and that nobody could note the end of: it is not sent."""
    failure = WebhookError("The last attempts broke off on this server's side; there are no more.")
    return _attempt(datetime.now(timezone.utc), 0.0, None, failure)


def _attempt(at: datetime, seconds: float, status: int | None, failure: DentiqError | None) -> Attempt:
    return Attempt(
        at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        seconds=round(seconds, 3),
        status_code=status,
        error_code=failure.code if failure else None,
        error=failure.message if failure else None,
    )


def payload(event: Event) -> bytes:
    """Write the body: what has ended and how, not what was found. A result is read over the API, by who may read it."""
    return orjson.dumps(
        {
            "type": f"{event.subject.value}.finished",
            "timestamp": event.ended_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "data": {"id": event.id, **event.facts, "links": {"self": _PATHS[event.subject] + event.id}},
        }
    )
