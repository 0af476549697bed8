"""What sending one webhook costs."""

import ssl

import pytest

from common.jobs.deliveries import DeliveryClaim
from tests.fixtures.redis import free_port
from tests.unit.webhooks.conftest import Desk
from tests.webhook_receiver import SECRET
from worker.webhooks.sending import Sender


def claim_of(desk: Desk, url: str) -> DeliveryClaim:
    desk.job(url)
    desk.finish()
    claim = desk.deliveries.claim(lease_seconds=60)
    assert claim is not None
    return claim


@pytest.mark.parametrize(("scheme", "made"), [("https", 1), ("http", 0)])
def test_the_certificates_are_read_once_and_only_where_they_count(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, scheme: str, made: int
) -> None:
    contexts = []
    make = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: contexts.append(make()) or contexts[-1])
    sender = Sender([SECRET], allow_private=True, timeout_seconds=2)
    claim = claim_of(desk, f"{scheme}://127.0.0.1:{free_port()}")
    for _ in range(3):
        assert sender.send(claim).error_code == "webhook_unreachable"
    assert len(contexts) == made
