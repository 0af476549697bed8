"""How often somebody may ask, and what it costs to count."""

from collections.abc import Callable

import pytest
import redis
from flask.testing import FlaskClient

from common.api_keys import ApiKey, KeyFile
from common.settings import Settings
from tests.fixtures.redis import RedisServer
from tests.unit.access.conftest import Sender
from web.app_factory import create_app

MakeKey = Callable[..., tuple[ApiKey, str]]
MODELS = "/api/v1/models"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"key_requests_per_minute": 5, "address_requests_per_minute": 3})


def statuses(sender: Sender, times: int, **arguments: str) -> list[int]:
    return [sender.ask("GET", MODELS, **arguments).status_code for _ in range(times)]  # type: ignore[arg-type]


def test_a_key_that_asks_too_often_is_told_when_to_go_on(sender: Sender) -> None:
    assert statuses(sender, 5) == [200] * 5
    refused = sender.ask("GET", MODELS)
    assert (refused.status_code, refused.content_type) == (429, "application/problem+json")
    assert refused.get_json()["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_one_key_does_not_use_up_the_requests_of_another(
    client: FlaskClient, sender: Sender, make_key: MakeKey
) -> None:
    statuses(sender, 6)
    assert statuses(Sender(client, make_key("read")[1]), 1) == [200]


def test_many_processes_count_together(settings: Settings, make_key: MakeKey) -> None:
    _, text = make_key("read")
    processes = [Sender(create_app(settings).test_client(), text) for _ in range(2)]
    assert [statuses(process, 3) for process in processes] == [[200] * 3, [200, 200, 429]]


def test_guesses_are_counted_by_the_address_and_one_address_does_not_stop_another(client: FlaskClient) -> None:
    guesser = Sender(client, "dentiq_0123456789_" + "A" * 43)
    assert statuses(guesser, 5) == [401, 401, 401, 429, 429]
    assert statuses(guesser, 1, address="203.0.113.8") == [401]


def test_a_whole_ipv6_subscriber_is_one_address(stranger: Sender) -> None:
    seen = [statuses(stranger, 1, address=f"2001:db8:1:2::{number}")[0] for number in range(1, 6)]
    assert seen == [401, 401, 401, 429, 429]
    assert statuses(stranger, 1, address="2001:db8:1:3::1") == [401]


def test_health_and_static_files_are_never_refused(stranger: Sender) -> None:
    statuses(stranger, 5)
    assert stranger.ask("GET", "/healthz").status_code == 200
    with stranger.ask("GET", "/static/img/logo.svg") as picture:
        assert picture.status_code == 200


def test_counting_costs_one_command_of_redis(settings: Settings, keys: KeyFile, make_key: MakeKey) -> None:
    """Beside the last use of the key, which is written once a minute."""
    generous = settings.model_copy(update={"key_requests_per_minute": 1000})
    local = settings.model_copy(update={"web_bind": "127.0.0.1"})
    with redis.Redis.from_url(settings.effective_job_store_url) as client:

        def calls(sender: Sender) -> int:
            sender.ask("GET", MODELS)
            client.config_resetstat()
            for _ in range(20):
                assert sender.ask("GET", MODELS).status_code == 200
            found = client.info("commandstats")
            # What the script itself does costs no round trip.
            inner = {"cmdstat_pttl", "cmdstat_get", "cmdstat_exists", "cmdstat_incrby", "cmdstat_set", "cmdstat_rename"}
            return sum(stat["calls"] for name, stat in found.items() if name not in inner)

        open_calls = calls(Sender(create_app(local).test_client()))
        guarded = calls(Sender(create_app(generous).test_client(), make_key("read")[1]))
    assert guarded - open_calls == 20


def test_a_redis_that_is_away_neither_stops_the_counting_nor_makes_it_slow(
    make_redis: Callable[[], RedisServer], settings: Settings, make_key: MakeKey
) -> None:
    own = make_redis()
    sender = Sender(
        create_app(settings.model_copy(update={"redis_url": type(settings.redis_url)(own.url)})).test_client(),
        make_key("read")[1],
    )
    assert statuses(sender, 1) == [200]
    own.kill()
    # Each needs Redis itself and hears 503; counting goes on in the process.
    assert statuses(sender, 6) == [503] * 5 + [429]


def test_refusals_are_counted(client: FlaskClient, sender: Sender, make_key: MakeKey) -> None:
    statuses(sender, 7)
    shown = Sender(client, make_key("admin")[1]).ask("GET", "/metrics").get_data(as_text=True)
    assert 'dentiq_requests_limited_total{by="key"} 2.0' in shown
    assert 'dentiq_requests_limited_total{by="address"} 0.0' in shown
