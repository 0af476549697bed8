"""Beat's scheduler: who sends, and how much waits."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from common.queues import MAINTENANCE_QUEUE
from common.settings import Settings
from tests.chaos.link import Line, Link
from tests.fixtures.redis import RedisServer
from tests.waiting import wait_until
from worker.beat_lease import KEY
from worker.celery_app import create_app
from worker.schedule import BoundedScheduler


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def make_beat(redis_url: str) -> Iterator[Callable[..., BoundedScheduler]]:
    """Make a beat; its lease lives three intervals, 2 s at least, and by default longer than any test."""
    made: list[BoundedScheduler] = []

    def make(*, interval_seconds: float = 100) -> BoundedScheduler:
        app = create_app(Settings(redis_url=redis_url, sweep_interval_seconds=interval_seconds))
        made.append(BoundedScheduler(app=app))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.close()
        scheduler.app.close()


def turn(scheduler: Any) -> None:
    """What Celery does when the sweep is due."""
    scheduler.apply_entry(scheduler.schedule["sweep"], producer=scheduler.producer)


def test_messages_do_not_pile_up(make_beat: Callable[..., BoundedScheduler], broker: redis.Redis) -> None:
    beat = make_beat()
    for _ in range(5):
        turn(beat)
    assert broker.llen(MAINTENANCE_QUEUE) == 2


def test_one_of_two_beats_sends(make_beat: Callable[..., BoundedScheduler], broker: redis.Redis) -> None:
    first, second = make_beat(), make_beat()
    turn(first)
    turn(second)
    assert broker.llen(MAINTENANCE_QUEUE) == 1
    turn(first)
    assert broker.llen(MAINTENANCE_QUEUE) == 2


def test_a_beat_that_stops_lets_the_other_send_at_once(
    make_beat: Callable[..., BoundedScheduler], broker: redis.Redis
) -> None:
    first, second = make_beat(), make_beat()
    turn(first)
    second.close()
    assert broker.exists(KEY)
    first.close()
    turn(second)
    assert broker.llen(MAINTENANCE_QUEUE) == 2


def test_a_beat_that_falls_silent_is_followed(make_beat: Callable[..., BoundedScheduler], broker: redis.Redis) -> None:
    silent, other = make_beat(interval_seconds=0.1), make_beat(interval_seconds=0.1)
    turn(silent)
    assert broker.pttl(KEY) <= 2000

    def follows() -> bool:
        turn(other)
        return broker.llen(MAINTENANCE_QUEUE) == 2

    wait_until(follows, 30, what="the other beat")


def test_a_broker_that_is_away_does_not_end_beat(make_redis: Callable[[], RedisServer]) -> None:
    server = make_redis()
    app = create_app(Settings(redis_url=server.url, sweep_interval_seconds=0.1))
    beat = BoundedScheduler(app=app)
    turn(beat)
    server.kill()
    turn(beat)
    beat.close()
    app.close()


def test_a_broker_that_is_silent_holds_neither_a_turn_of_beat_nor_its_end(
    redis_url: str, broker: redis.Redis, make_link: Callable[[int], Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.schedule._LONGEST_SILENCE_SECONDS", 3.0)
    link = make_link(urlsplit(redis_url).port or 0)
    app = create_app(Settings(redis_url=f"redis://127.0.0.1:{link.port}/0", sweep_interval_seconds=100))
    beat = BoundedScheduler(app=app)
    turn(beat)
    link.set(Line.MUTE)
    turns = threading.Thread(target=lambda: [turn(beat), beat.close()], daemon=True)
    turns.start()
    turns.join(30)
    assert not turns.is_alive()
    assert broker.llen(MAINTENANCE_QUEUE) == 1
    app.close()
