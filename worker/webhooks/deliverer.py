"""Sending the webhooks that are due, from threads of beat: beat forks nothing, and no worker waits for a receiver."""

import random
import threading
from collections import Counter
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from structlog import get_logger

from common.errors import JobStoreUnavailableError, WebhookAddressError
from common.jobs.deliveries import Attempt, DeliveryClaim, DeliveryState, DeliveryStore
from common.settings import Settings
from worker.webhooks.sending import Sender

log = get_logger(__name__)

# Requests under way at one time, and of these to one receiver: one that is slow or gone must not hold up the others.
_SLOTS: Final = 16
_SLOTS_OF_ONE: Final = 4
_PUT_OFF_SECONDS: Final = 2.0

# A look costs Redis one script; a webhook leaves this much after the end that it tells of, at most.
_LOOK_SECONDS: Final = 0.5

# Beside the request itself: a look-up of a name that is not answered takes the resolver half a minute.
_LEASE_MARGIN_SECONDS: Final = 60.0

_LONGEST_WAIT_SECONDS: Final = 6 * 3600.0


class Deliverer:
    """Claim due webhooks and send them; several may run, each webhook is leased to one.

    Args:
        store: Where webhooks are noted.
        sender: Sends one.
        settings: How often and how long it is tried.
    """

    def __init__(self, store: DeliveryStore, sender: Sender, settings: Settings) -> None:
        self._store = store
        self._sender = sender
        self._max_attempts = settings.webhook_max_attempts
        self._backoff_seconds = settings.webhook_backoff_seconds
        self._lease_seconds = settings.webhook_timeout_seconds + _LEASE_MARGIN_SECONDS
        self._slots = threading.Semaphore(_SLOTS)
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to send; the threads end with the process, and what they held is claimed again after its lease."""
        threading.Thread(target=self._run, name="webhooks", daemon=True).start()

    def stop(self) -> None:
        """Claim no more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._slots.acquire()
            if not self._claim_and_send():
                self._slots.release()
                self._stopped.wait(_LOOK_SECONDS)

    def _claim_and_send(self) -> bool:
        """Claim one webhook for a thread of its own, which gives the slot back; False where none is due."""
        try:
            claim = self._store.claim(lease_seconds=self._lease_seconds)
            if claim is None:
                return False
            if not self._enter(claim):
                self._store.put_off(claim, wait_seconds=_PUT_OFF_SECONDS)
                self._slots.release()
                return True
            threading.Thread(target=self._deliver, args=(claim,), name="webhook", daemon=True).start()
        except JobStoreUnavailableError as error:
            log.warning("webhooks_interrupted", reason=error.log_reason)
            return False
        except Exception:  # a loop that ended would leave every webhook unsent
            log.exception("webhooks_failed")
            return False
        return True

    def _enter(self, claim: DeliveryClaim) -> bool:
        """Whether its receiver may be given one more request."""
        with self._lock:
            if self._busy[_receiver(claim)] >= _SLOTS_OF_ONE:
                return False
            self._busy[_receiver(claim)] += 1
            return True

    def _deliver(self, claim: DeliveryClaim) -> None:
        try:
            attempt = self._sender.send(claim)
            state = self._judge(claim, attempt)
            self._store.note(claim, state, attempt, wait_seconds=self._wait_seconds(claim.attempt))
            log.info(
                "webhook_sent",
                delivery=claim.id,
                attempt=claim.attempt,
                state=state.value,
                status=attempt.status_code,
                error=attempt.error_code,
            )
        except JobStoreUnavailableError as error:
            # Unnoted, it is sent once more after its lease: at least once is the promise.
            log.warning("webhook_unnoted", delivery=claim.id, reason=error.log_reason)
        except Exception:
            log.exception("webhook_crashed", delivery=claim.id)
        finally:
            with self._lock:
                self._busy[_receiver(claim)] -= 1
                self._busy += Counter()  # drops receivers without a request
            self._slots.release()

    def _judge(self, claim: DeliveryClaim, attempt: Attempt) -> DeliveryState:
        status = attempt.status_code
        if status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return DeliveryState.DELIVERED
        # "Gone" is how a receiver asks to be left alone (Standard Webhooks); a private address stays one.
        hopeless = status == HTTPStatus.GONE or attempt.error_code == WebhookAddressError.code
        return DeliveryState.FAILED if hopeless or claim.attempt >= self._max_attempts else DeliveryState.PENDING

    def _wait_seconds(self, attempt: int) -> float:
        wait = min(self._backoff_seconds * 4.0 ** (attempt - 1), _LONGEST_WAIT_SECONDS)
        # A receiver that comes back must not meet all its webhooks in one instant.
        return wait * random.uniform(0.75, 1.25)  # noqa: S311  spread, no secret


def _receiver(claim: DeliveryClaim) -> str:
    return urlsplit(claim.url).netloc
