"""A step that took effect in Redis, and whose answer was lost on the way: the client library sends it again."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from common.settings import Settings
from common.storage import Storage, image_key
from tests.chaos.link import Link
from tests.fixtures.redis import RedisServer, free_port
from tests.unit.web.conftest import Api
from web.app_factory import create_app


@pytest.fixture
def link(redis_server: RedisServer, redis_url: str) -> Iterator[Link]:
    made = Link(free_port(), redis_server.port)
    yield made
    made.close()


@pytest.fixture
def app(settings: Settings, link: Link) -> Flask:
    return create_app(Settings(**{**settings.model_dump(), "redis_url": f"redis://127.0.0.1:{link.port}/0"}))


def test_a_job_keeps_its_image_though_the_answer_to_its_making_was_lost(
    api: Api, link: Link, settings: Settings, make_image: Callable[..., bytes]
) -> None:
    api.accepted(make_image())  # from here on Redis knows the script
    link.lose_answer_to(b"unlucky.png")
    job = api.accepted(make_image(width=99), "unlucky.png", Idempotency_Key="k")
    storage = Storage(settings.effective_storage_url, fsync=False)
    assert storage.get(image_key(job["id"])) == make_image(width=99)
    assert api.accepted(make_image(width=99), "unlucky.png", Idempotency_Key="k")["id"] == job["id"]
