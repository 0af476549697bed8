"""Receivers share the sender: one that hangs costs no other anything, one that is quick is not slowed down."""

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from common.jobs.deliveries import DeliveryState
from common.queues import QueueName
from tests.unit.webhooks.conftest import Desk
from tests.waiting import wait_until
from tests.webhook_receiver import Receiver, receiving
from worker.webhooks.deliverer import Deliverer, Rhythm

Deliver = Callable[..., Deliverer]

# What an older release wrote of a webhook.
_NOTED = ("kind", "subject", "detail", "created")


def finish_all(desk: Desk, job_ids: list[str]) -> None:
    while desk.deliveries.pending() < len(job_ids):
        desk.finish()


def finish_waiting(desk: Desk) -> None:
    while desk.store.depth(QueueName.INTERACTIVE):
        desk.finish()


def test_a_receiver_that_hangs_holds_up_no_other(
    desk: Desk, receiver: Receiver, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = []
    claim = desk.deliveries.claim
    monkeypatch.setattr(desk.deliveries, "claim", lambda **named: claims.append(claim(**named)) or claims[-1])
    with receiving() as hanging:
        hanging.hold.clear()
        finish_all(desk, desk.jobs(hanging.url, 2000))
        deliverer = deliver(timeout_seconds=20)
        wait_until(lambda: len(hanging.received) == 2, what="all requests that a new receiver may be given")
        started = time.monotonic()
        before = len(claims)
        other = desk.job(receiver.url)
        desk.finish()
        wait_until(lambda: receiver.received, what="the webhook to another receiver")
        wait_until(lambda: desk.deliveries.of_job(other)[0].state is DeliveryState.DELIVERED, what="its note")
        # Two looks a second, one for the end of the request, and the one that found it.
        assert len(claims) - before <= 4 + 2 * (time.monotonic() - started)
        assert len(hanging.received) == 2
        deliverer.stop()
        hanging.hold.set()
        wait_until(lambda: desk.store.counts()["webhook delivered"] == 3, what="the end of the requests")


def test_a_quick_receiver_is_given_the_next_webhook_at_once(desk: Desk, receiver: Receiver, deliver: Deliver) -> None:
    finish_all(desk, desk.jobs(receiver.url, 100))
    # 4 at each look would take 25 looks.
    deliver(timeout_seconds=20, rhythm=Rhythm(look_seconds=60))
    wait_until(lambda: desk.deliveries.pending() == 0, 60, what="all webhooks")
    assert len(receiver.received) == 100


def test_any_number_of_receivers_that_hang_leaves_places_to_a_quick_one(
    desk: Desk, receiver: Receiver, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.webhooks.lanes._QUICK_SECONDS", 15)  # on a busy machine no receiver is quick
    with ExitStack() as opened:
        hanging = [opened.enter_context(receiving()) for _ in range(10)]
        deliver(timeout_seconds=20)
        desk.job(receiver.url)
        desk.finish()
        wait_until(lambda: desk.deliveries.pending() == 0, what="the answer by which a receiver is known as quick")
        for one in hanging:
            one.hold.clear()
            desk.jobs(one.url, 4)
        finish_waiting(desk)
        wait_until(lambda: sum(len(one.received) for one in hanging) == 12, what="all requests that slow ones may have")
        desk.jobs(receiver.url, 20)
        finish_waiting(desk)
        # Long before the first of those that hang is over.
        wait_until(lambda: len(receiver.received) == 21, 15, what="every webhook to the quick receiver")
        assert sum(len(one.received) for one in hanging) == 12
        for one in hanging:
            one.hold.set()
        wait_until(lambda: desk.deliveries.pending() == 0, what="the end of all")


def test_webhooks_that_an_older_release_left_pending_are_sent(desk: Desk, receiver: Receiver, deliver: Deliver) -> None:
    """It queued them by time alone, and one in no receiver's queue is never claimed."""
    finish_all(desk, [desk.job(f"{receiver.url}/{number}") for number in range(3)])
    for key in desk.client.scan_iter("dentiq:receiver*"):
        desk.client.delete(key)
    desk.client.zadd("dentiq:webhooks", {"without a record": 0})
    assert desk.deliveries.claim(lease_seconds=60) is None
    deliver()
    wait_until(lambda: desk.deliveries.pending() == 0, what="all notes")
    assert sorted(request.path for request in receiver.received) == ["/0", "/1", "/2"]


def test_webhooks_that_an_older_release_notes_later_are_sent_too(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    """Workers are renewed one by one, after beat."""
    deliver(rhythm=Rhythm(look_seconds=0.1, adopt_seconds=0.2))
    early = desk.job(f"{receiver.url}/early")
    desk.finish()
    wait_until(lambda: desk.deliveries.pending() == 0, what="the first note")
    record = desk.client.hgetall(f"dentiq:delivery:{early}")
    late = {"url": f"{receiver.url}/late", "state": "pending"}
    desk.client.hset("dentiq:delivery:late", mapping={name: record[name] for name in _NOTED} | late)
    desk.client.zadd("dentiq:webhooks", {"late": record["created"]})
    wait_until(lambda: desk.deliveries.pending() == 0, what="the second note")
    assert [request.path for request in receiver.received] == ["/early", "/late"]


def test_a_receiver_is_one_however_its_name_is_written(desk: Desk) -> None:
    job_ids = [
        desk.job(url) for url in ("https://Example.com/a?x=1", "https://example.com#y", "https://example.com:444")
    ]
    finish_all(desk, job_ids)
    first = desk.deliveries.claim(lease_seconds=60)
    assert first is not None
    assert first.receiver == "example.com"
    other = desk.deliveries.claim(lease_seconds=60, receivers=[first.receiver])
    assert other is not None
    assert other.receiver == "example.com:444"
    assert desk.deliveries.claim(lease_seconds=60, receivers=[first.receiver]) is None
    assert desk.deliveries.claim(lease_seconds=60) is not None
    assert desk.deliveries.pending() == 3


def test_nothing_is_left_of_a_receiver_that_was_told_of_all(desk: Desk, receiver: Receiver, deliver: Deliver) -> None:
    finish_all(desk, desk.jobs(receiver.url, 3))
    deliver()
    wait_until(lambda: desk.deliveries.pending() == 0, what="all notes")
    assert list(desk.client.scan_iter("dentiq:receiver*")) == []
