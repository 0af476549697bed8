"""Webhooks as a part of beat's process."""

from structlog import get_logger

from common.jobs.deliveries import DeliveryStore
from common.redis_client import connect
from common.settings import Settings
from worker.webhooks.deliverer import Deliverer
from worker.webhooks.sending import Sender

log = get_logger(__name__)

# One for the claims, the rest for what the sending threads note.
_CONNECTIONS = 6


def start_webhooks(settings: Settings) -> None:
    """Begin to send webhooks, where a secret to sign them is set."""
    if not settings.webhook_secrets:
        log.info("webhooks_disabled", reason="DENTIQ_WEBHOOK_SECRET is not set")
        return
    client = connect(
        settings.effective_job_store_url,
        timeout_seconds=settings.redis_timeout_seconds,
        max_connections=_CONNECTIONS,
    )
    sender = Sender(
        settings.webhook_secrets,
        allow_private=settings.webhook_allow_private,
        timeout_seconds=settings.webhook_timeout_seconds,
    )
    Deliverer(DeliveryStore(client), sender, settings).start()
