"""The system page tells whoever looks after the platform what they need."""

from typing import Any

from flask.testing import FlaskClient

from common.settings import Settings
from web.app_factory import create_app


def test_it_shows_queues_workers_and_what_runs(client: FlaskClient, api: Any, worker: Any, make_image: Any) -> None:
    worker.be_alive()
    for _ in range(3):
        api.accepted(make_image())
    page = client.get("/system").get_data(as_text=True)
    assert "The platform is ready." in page
    assert "<td>3</td>" in page
    assert "test-1" in page
    assert "fake@test" not in page  # where a worker runs is nothing for strangers


def test_it_says_what_is_missing(client: FlaskClient) -> None:
    page = client.get("/system").get_data(as_text=True)
    assert "No worker with a model is registered" in page
    assert "No worker is running." in page


def test_it_links_to_what_is_configured_and_to_nothing_else(settings: Settings) -> None:
    configured = settings.model_copy(update={"flower_url": "http://flower.example/", "grafana_url": ""})
    page = create_app(configured).test_client().get("/system").get_data(as_text=True)
    assert 'href="http://flower.example/"' in page
    assert "Grafana" not in page


def test_the_part_that_is_asked_for_again_is_the_part_of_the_page(
    client: FlaskClient, api: Any, worker: Any, make_image: Any
) -> None:
    worker.be_alive()
    page = client.get("/system").get_data(as_text=True)
    part = client.get("/system/state").get_data(as_text=True)
    assert part.strip() in page
    assert 'hx-get="/system/state"' in part
    # What takes the focus would lose it each time.
    assert not any(tag in part for tag in ("<a ", "<button", "<input", "tabindex"))
    api.accepted(make_image())
    assert "<td>1</td>" in client.get("/system/state").get_data(as_text=True)


def test_it_speaks_french(client: FlaskClient) -> None:
    page = client.get("/system", headers={"Accept-Language": "fr"}).get_data(as_text=True)
    assert "Photos isolées" in page
