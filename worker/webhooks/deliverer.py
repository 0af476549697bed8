"""Sending the webhooks that are due, from threads of beat: beat forks nothing, and no worker waits for a receiver."""

import random
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from structlog import get_logger

from common.errors import JobStoreUnavailableError, WebhookAddressError
from common.jobs.deliveries import Attempt, DeliveryClaim, DeliveryState, DeliveryStore
from common.settings import Settings
from worker.webhooks.lanes import PLACES, Lanes
from worker.webhooks.sending import Sender, give_up

log = get_logger(__name__)

# Beside the request itself: a look-up of a name that is not answered takes the resolver half a minute.
_LEASE_MARGIN_SECONDS: Final = 60.0

_LONGEST_WAIT_SECONDS: Final = 6 * 3600.0


@dataclass(frozen=True)
class Rhythm:
    """How often a deliverer looks.

    Attributes:
        look_seconds: For what is due. It costs Redis one script; a webhook leaves at most this much after the end that
            it tells of.
        adopt_seconds: For what an older release noted. While workers are renewed one by one, those of the old release
            go on noting; each look reads every pending webhook once, 500 in a script.
    """

    look_seconds: float = 0.5
    adopt_seconds: float = 60.0


USUAL: Final = Rhythm()


class Deliverer:
    """Claim due webhooks and send them; several may run, each webhook is leased to one.

    Args:
        store: Where webhooks are noted.
        sender: Sends one.
        settings: How often and how long it is tried.
        rhythm: How often it looks.
    """

    def __init__(self, store: DeliveryStore, sender: Sender, settings: Settings, *, rhythm: Rhythm = USUAL) -> None:
        self._store = store
        self._sender = sender
        self._max_attempts = settings.webhook_max_attempts
        self._backoff_seconds = settings.webhook_backoff_seconds
        self._lease_seconds = settings.webhook_timeout_seconds + _LEASE_MARGIN_SECONDS
        self._slots = threading.Semaphore(PLACES)
        self._lanes = Lanes()
        self._rhythm = rhythm
        self._adopted_at = -rhythm.adopt_seconds
        self._stopped = threading.Event()
        # Set whenever a request has ended: its receiver may be given the next one at once.
        self._ended = threading.Event()
        self._loop = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to send; the threads end with the process, and what they held is claimed again after its lease."""
        self._loop.start()

    def stop(self) -> None:
        """Claim no more; requests under way go on."""
        self._stopped.set()
        self._ended.set()
        self._slots.release()  # whatever the loop waits for, it wakes
        self._loop.join()

    def _run(self) -> None:
        while True:
            self._slots.acquire()
            if self._stopped.is_set():
                return
            self._ended.clear()
            if not self._claim_and_send():
                self._slots.release()
                self._ended.wait(self._rhythm.look_seconds)

    def _claim_and_send(self) -> bool:
        """Claim one webhook for a thread of its own, which gives the slot back; False where none may be sent now."""
        try:
            self._adopt()
            choice = self._lanes.choice()
            claim = self._store.claim(lease_seconds=self._lease_seconds, receivers=choice.receivers, among=choice.among)
            if claim is None:
                return False
            self._begin(claim)
        except JobStoreUnavailableError as error:
            log.warning("webhooks_interrupted", reason=error.log_reason)
            return False
        except Exception:  # a loop that ended would leave every webhook unsent
            log.exception("webhooks_failed")
            return False
        return True

    def _adopt(self) -> None:
        now = time.monotonic()
        if now < self._adopted_at + self._rhythm.adopt_seconds:
            return
        queued, dropped = self._store.adopt()
        self._adopted_at = now
        if queued or dropped:
            log.info("webhooks_adopted", queued=queued, dropped=dropped)

    def _begin(self, claim: DeliveryClaim) -> None:
        place = self._lanes.begin(claim.receiver)
        try:
            threading.Thread(target=self._deliver, args=(claim, place), name="webhook", daemon=True).start()
        except RuntimeError:  # no more threads
            self._lanes.end(claim.receiver, place, seconds=None)
            raise

    def _deliver(self, claim: DeliveryClaim, place: int) -> None:
        answered_within: float | None = None
        try:
            # One that took its sender down each time has more attempts than were ever noted.
            attempt = self._sender.send(claim) if claim.attempt <= self._max_attempts else give_up()
            answered_within = attempt.seconds if attempt.status_code is not None else None
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
            log.exception("webhook_unnoted", delivery=claim.id)
        finally:
            self._lanes.end(claim.receiver, place, seconds=answered_within)
            self._slots.release()
            self._ended.set()

    def _judge(self, claim: DeliveryClaim, attempt: Attempt) -> DeliveryState:
        status = attempt.status_code
        if status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return DeliveryState.DELIVERED
        # "Gone" is how a receiver asks to be left alone (Standard Webhooks); a private address stays one.
        hopeless = status == HTTPStatus.GONE or attempt.error_code == WebhookAddressError.code
        return DeliveryState.FAILED if hopeless or claim.attempt >= self._max_attempts else DeliveryState.PENDING

    def _wait_seconds(self, attempt: int) -> float:
        # The exponent is bounded, for a float is: 4 ** 10 s are 12 days.
        wait = min(self._backoff_seconds * 4.0 ** min(attempt - 1, 10), _LONGEST_WAIT_SECONDS)
        # A receiver that comes back must not meet all its webhooks in one instant.
        return wait * random.uniform(0.75, 1.25)  # noqa: S311  spread, no secret
