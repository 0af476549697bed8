"""Who is to be told of the end of a job or a batch: as its sender asked, or as this server's operator set."""

from common.errors import ConfigurationError, WebhooksDisabledError, WebhookUrlError
from common.settings import Settings
from common.webhooks import check_webhook_url


def webhook_for(asked: str | None, settings: Settings) -> str:
    """Choose the address that is told; empty for none.

    Args:
        asked: What the request names; None where it names none.

    Raises:
        WebhookUrlError: No webhook can go to that address.
        WebhooksDisabledError: This server sends none.
    """
    if asked is not None:
        if not settings.webhook_secrets:
            raise WebhooksDisabledError(
                "This server sends no webhooks, for its operator has set no secret to sign them; leave webhook_url out."
            )
        return check_webhook_url(asked, allow_private=settings.webhook_allow_private)
    return settings.webhook_url.get_secret_value() if settings.webhook_url and settings.webhook_secrets else ""


def require_sound_webhook(settings: Settings) -> None:
    """Refuse to start where the server's own receiver could never be told.

    Raises:
        ConfigurationError: It has no secret, or an address that cannot be used.
    """
    if settings.webhook_url is None:
        return
    try:
        webhook_for(settings.webhook_url.get_secret_value(), settings)
    except WebhooksDisabledError as error:
        raise ConfigurationError("DENTIQ_WEBHOOK_URL needs DENTIQ_WEBHOOK_SECRET, which signs what is sent.") from error
    except WebhookUrlError as error:
        raise ConfigurationError(f"DENTIQ_WEBHOOK_URL: {error.message}") from error
