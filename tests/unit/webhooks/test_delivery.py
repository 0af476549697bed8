"""Webhooks reach a real receiver: signed, tried again, given up, and each told of."""

import json
import socket
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from common.jobs.batches import Closing
from common.jobs.deliveries import Attempt, Delivery, DeliveryState
from tests.fixtures.redis import free_port
from tests.unit.webhooks.conftest import Desk
from tests.waiting import wait_until
from tests.webhook_receiver import SECRET, Receiver

Deliver = Callable[..., object]


def settled(desk: Desk, job_id: str) -> Delivery:
    """Wait until a job's webhook is delivered or given up."""

    def listed() -> Delivery | None:
        found = desk.deliveries.of_job(job_id)
        return found[0] if found and found[0].state is not DeliveryState.PENDING else None

    delivery = wait_until(listed, 20, what="the end of a delivery")
    assert delivery is not None
    return delivery


def test_the_end_of_a_job_is_told_in_a_signed_message(desk: Desk, receiver: Receiver, deliver: Deliver) -> None:
    deliver()
    job_id = desk.job(f"{receiver.url}/hook?x=1")
    desk.finish()
    delivery = settled(desk, job_id)
    assert (delivery.state, [a.status_code for a in delivery.attempts]) == (DeliveryState.DELIVERED, [200])
    (request,) = receiver.received
    assert request.path == "/hook?x=1"
    message = Webhook(SECRET).verify(request.body, request.headers)
    assert message["type"] == "job.finished"
    assert message["data"] == {"id": job_id, "status": "succeeded", "links": {"self": f"/api/v1/jobs/{job_id}"}}
    assert datetime.fromisoformat(message["timestamp"].replace("Z", "+00:00")) == desk.store.get(job_id).finished_at
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body.replace(b"succeeded", b"cancelled"), request.headers)


def test_the_signature_is_that_of_the_specification() -> None:
    # A known value, made by hmac alone, so that the library is not its own witness.
    signature = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, tz=timezone.utc), '{"test": 2432232314}'
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_that_fails_is_told_again_under_the_same_id(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.statuses = [500, 302]
    deliver()
    job_id = desk.job(receiver.url)
    desk.finish(failed=True)
    delivery = settled(desk, job_id)
    assert (delivery.state, [a.status_code for a in delivery.attempts]) == (DeliveryState.DELIVERED, [500, 302, 200])
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.body for request in receiver.received}) == 1
    assert "/elsewhere" not in {request.path for request in receiver.received}  # a redirect is not followed
    assert json.loads(receiver.received[0].body)["data"]["status"] == "failed"
    assert desk.store.counts()["webhook delivered"] == 1
    assert desk.store.counts()["webhook pending"] == 2


def test_a_dead_receiver_is_given_up_after_the_last_attempt(desk: Desk, deliver: Deliver) -> None:
    deliver(max_attempts=3)
    job_id = desk.job(f"http://127.0.0.1:{free_port()}")
    desk.finish()
    delivery = settled(desk, job_id)
    assert delivery.state is DeliveryState.FAILED
    assert [a.error_code for a in delivery.attempts] == ["webhook_unreachable"] * 3
    assert desk.deliveries.pending() == 0


def test_a_receiver_that_is_gone_is_left_alone(desk: Desk, receiver: Receiver, deliver: Deliver) -> None:
    receiver.statuses = [410]
    deliver()
    job_id = desk.job(receiver.url)
    desk.finish()
    assert settled(desk, job_id).state is DeliveryState.FAILED
    assert len(receiver.received) == 1


def test_a_silent_receiver_costs_no_more_than_the_time_allowed(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.hold.clear()
    deliver(max_attempts=1, timeout_seconds=0.3)
    job_id = desk.job(receiver.url)
    desk.finish()
    (attempt,) = settled(desk, job_id).attempts
    assert attempt.error_code == "webhook_timeout"
    assert 0.2 < attempt.seconds < 2


def test_a_receiver_that_drips_costs_no_more_either(desk: Desk, deliver: Deliver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        deliver(max_attempts=1, timeout_seconds=0.5)
        job_id = desk.job(f"http://127.0.0.1:{listener.getsockname()[1]}")
        desk.finish()
        connection, _ = listener.accept()
        with connection:
            end = time.monotonic() + 10
            while time.monotonic() < end and not desk.deliveries.of_job(job_id)[0].attempts:
                try:
                    connection.sendall(b"H")
                except OSError:
                    break
        assert settled(desk, job_id).attempts[0].seconds < 5


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433"])
def test_a_private_address_is_not_entered_whatever_its_name(
    desk: Desk, receiver: Receiver, deliver: Deliver, host: str
) -> None:
    deliver(allow_private=False)
    job_id = desk.job(receiver.url.replace("127.0.0.1", host))
    desk.finish()
    delivery = settled(desk, job_id)
    assert delivery.state is DeliveryState.FAILED
    assert [a.error_code for a in delivery.attempts] == ["webhook_address_refused"]
    assert receiver.received == []


def test_a_name_that_leads_elsewhere_at_the_second_look_gains_nothing(
    desk: Desk, receiver: Receiver, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    look_up = socket.getaddrinfo

    def rebinding(host: str, *arguments: Any, **named: Any) -> list[Any]:
        if host != "rebinding.test":
            return look_up(host, *arguments, **named)
        looks.append(host)
        return look_up("192.0.2.1" if len(looks) > 1 else "127.0.0.1", *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    deliver(max_attempts=1)
    job_id = desk.job(receiver.url.replace("127.0.0.1", "rebinding.test"))
    desk.finish()
    # It went to the address of the first look, which is the one that was checked.
    assert settled(desk, job_id).state is DeliveryState.DELIVERED
    assert looks == ["rebinding.test"]
    assert receiver.received[0].headers["Host"].startswith("rebinding.test")


def test_a_webhook_whose_sender_died_is_sent_by_another(desk: Desk, receiver: Receiver, deliver: Deliver) -> None:
    job_id = desk.job(receiver.url)
    desk.finish()
    dead = desk.deliveries.claim(lease_seconds=0.05)
    assert dead is not None
    deliver()
    assert settled(desk, job_id).state is DeliveryState.DELIVERED
    # It only seemed dead: what it has to say counts no more.
    assert not desk.deliveries.note(dead, DeliveryState.FAILED, Attempt("2026-01-01T00:00:00Z", 1.0))
    assert settled(desk, job_id).state is DeliveryState.DELIVERED


def test_a_webhook_that_takes_its_sender_down_each_time_is_given_up(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    job_id = desk.job(receiver.url)
    desk.finish()
    for _ in range(3):
        wait_until(lambda: desk.deliveries.claim(lease_seconds=0.01), what="the claim of one that dies")
    deliver(max_attempts=3)
    delivery = settled(desk, job_id)
    assert (delivery.state, [a.error_code for a in delivery.attempts]) == (DeliveryState.FAILED, ["webhook_failed"])
    assert receiver.received == []
    assert desk.deliveries.pending() == 0


def test_an_attempt_that_ends_by_a_fault_of_ours_is_noted_and_the_last_one_ends_it(
    desk: Desk, receiver: Receiver, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> list[Any]:
        raise RuntimeError("secret detail")

    url = receiver.url.replace("127.0.0.1", "broken.test")
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **n: (broken if host == "broken.test" else look_up)(host, *a, **n)
    )
    deliver(max_attempts=2)
    job_id = desk.job(url)
    desk.finish()
    delivery = settled(desk, job_id)
    assert (delivery.state, [a.error_code for a in delivery.attempts]) == (DeliveryState.FAILED, ["webhook_failed"] * 2)
    assert "secret detail" not in str(delivery)


def test_what_came_of_an_attempt_is_noted_once(desk: Desk) -> None:
    job_id = desk.job("https://example.com")
    desk.finish()
    claim = desk.deliveries.claim(lease_seconds=60)
    assert claim is not None
    # The client library sends a script again when its answer is lost.
    for _ in range(2):
        assert desk.deliveries.note(claim, DeliveryState.DELIVERED, Attempt("2026-01-01T00:00:00Z", 1.0, 200))
    assert len(desk.deliveries.of_job(job_id)[0].attempts) == 1
    assert desk.store.counts()["webhook delivered"] == 1


def test_a_batch_is_told_of_once_all_its_jobs_have_ended(desk: Desk, receiver: Receiver, deliver: Deliver) -> None:
    deliver()
    batch_id = desk.batch(receiver.url)
    desk.add(batch_id, 3)
    desk.finish(2)
    assert desk.deliveries.of_batch(batch_id) == []
    desk.batches.close(batch_id, Closing.CANCELLED)
    wait_until(lambda: receiver.received, 10, what="a webhook")
    message = Webhook(SECRET).verify(receiver.received[0].body, receiver.received[0].headers)
    assert message["type"] == "batch.finished"
    assert message["data"]["total"] == 3
    assert message["data"]["counts"] == {"succeeded": 2, "failed": 0, "cancelled": 1}


def test_images_that_come_soon_after_the_end_take_the_webhook_back(desk: Desk) -> None:
    batch_id = desk.batch("https://example.com")
    desk.add(batch_id)
    desk.finish()
    assert len(desk.deliveries.of_batch(batch_id)) == 1
    desk.add(batch_id)
    assert desk.deliveries.of_batch(batch_id) == []
    assert desk.deliveries.pending() == 0
    desk.finish()
    (delivery,) = desk.deliveries.of_batch(batch_id)
    assert delivery.event.facts["total"] == 2


def test_what_was_erased_is_not_told_of(desk: Desk, receiver: Receiver, deliver: Deliver) -> None:
    job_id = desk.job(receiver.url)
    batch_id = desk.batch(receiver.url)
    desk.add(batch_id)
    desk.finish()
    desk.finish()
    assert desk.deliveries.pending() == 2
    desk.store.erase(job_id)
    desk.batches.close(batch_id, Closing.ERASED)
    deliver()
    wait_until(lambda: desk.deliveries.pending() == 0, 10, what="both webhooks dropped")
    assert receiver.received == []
    assert list(desk.client.scan_iter("dentiq:delivery:*")) == []


def test_jobs_without_a_webhook_leave_nothing_behind(desk: Desk) -> None:
    desk.job("")
    desk.add(desk.batch(""), 2)
    desk.finish()
    desk.finish()
    assert desk.deliveries.pending() == 0
    assert list(desk.client.scan_iter("dentiq:delivery:*")) == []
