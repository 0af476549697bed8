"""Work hints: what reaches the broker, and that a broker which is away or silent holds nobody up."""

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import redis
from prometheus_client import CollectorRegistry, Counter

from common.queues import CLASSIFY_TASK, QueueName
from tests.fixtures.redis import RedisServer, free_port
from web.publisher import Publisher


@pytest.fixture
def unsent() -> Counter:
    return Counter("unsent", "Hints that were not sent.", registry=CollectorRegistry())


@pytest.fixture
def silent_port() -> Iterator[tuple[int, socket.socket]]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        listener.settimeout(0.2)
        yield listener.getsockname()[1], listener


def connections(listener: socket.socket) -> int:
    """Count the connections that have come since the last call."""
    count = 0
    with suppress(TimeoutError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def test_a_hint_reaches_the_queue_of_its_name_as_json(redis_url: str, unsent: Counter) -> None:
    assert Publisher(redis_url, pool_size=2, unsent=unsent).publish(QueueName.INTERACTIVE)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        (message,) = (json.loads(text) for text in client.lrange("interactive", 0, -1))
    assert message["headers"]["task"] == CLASSIFY_TASK
    assert message["content-type"] == "application/json"
    _, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert kwargs == {"queue": "interactive"}


def test_hints_that_wait_are_enough_and_a_taken_one_makes_room(redis_url: str, unsent: Counter) -> None:
    publisher = Publisher(redis_url, pool_size=2, unsent=unsent)
    assert all(publisher.publish(QueueName.INTERACTIVE) for _ in range(100))
    with redis.Redis.from_url(redis_url) as client:
        enough = client.llen("interactive")
        client.rpop("interactive")
        assert publisher.publish(QueueName.INTERACTIVE)
        assert publisher.publish(QueueName.BULK)
        assert (client.llen("interactive"), client.llen("bulk")) == (enough, 1)
    assert 1 < enough < 100
    assert unsent._value.get() == 0


def test_a_broker_that_is_away_is_told_by_the_answer_and_counted(unsent: Counter) -> None:
    publisher = Publisher(f"redis://127.0.0.1:{free_port()}/0", pool_size=2, unsent=unsent)
    started = time.monotonic()
    assert not publisher.publish(QueueName.INTERACTIVE)
    assert time.monotonic() - started < 2
    assert unsent._value.get() == 1


def test_a_broker_that_dies_under_an_open_connection_is_told_by_the_answer(
    make_redis: Callable[[], RedisServer], unsent: Counter
) -> None:
    server = make_redis()
    publisher = Publisher(server.url, pool_size=2, unsent=unsent)
    assert publisher.publish(QueueName.INTERACTIVE)
    server.kill()
    assert not publisher.publish(QueueName.INTERACTIVE)
    assert unsent._value.get() == 1


def test_a_silent_broker_costs_one_sender_its_timeout_and_the_next_nothing(
    silent_port: tuple[int, socket.socket], unsent: Counter
) -> None:
    port, listener = silent_port
    publisher = Publisher(f"redis://127.0.0.1:{port}/0", pool_size=2, unsent=unsent)
    started = time.monotonic()
    assert not publisher.publish(QueueName.INTERACTIVE)
    assert time.monotonic() - started < 6
    assert connections(listener) > 0
    assert not publisher.publish(QueueName.INTERACTIVE)
    assert connections(listener) == 0
    assert unsent._value.get() == 2
