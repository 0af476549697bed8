"""Why a webhook is not registered, or was not delivered."""

from common.errors.base import DentiqError, InvalidRequestError


class WebhookUrlError(InvalidRequestError):
    """The address of a webhook cannot be used."""

    code = "webhook_url_refused"
    http_status = 422
    title = "Webhook address refused"


class WebhooksDisabledError(InvalidRequestError):
    """This server sends no webhooks."""

    code = "webhooks_disabled"
    http_status = 422
    title = "Webhooks disabled"


class WebhookError(DentiqError):
    """A webhook was not delivered."""

    code = "webhook_failed"
    title = "Webhook not delivered"


class WebhookAddressError(WebhookError):
    """The receiver's name leads to an address that webhooks may not go to."""

    code = "webhook_address_refused"
    title = "Webhook address refused at the connection"


class WebhookUnreachableError(WebhookError):
    """The receiver cannot be reached, or breaks off."""

    code = "webhook_unreachable"
    retryable = True
    title = "Webhook receiver unreachable"


class WebhookTimeoutError(WebhookError):
    """The receiver does not answer in time."""

    code = "webhook_timeout"
    retryable = True
    title = "Webhook receiver too slow"
