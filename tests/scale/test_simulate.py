"""The simulation gives what can be reckoned by hand, and what was measured."""

import pytest

from tests.scale.simulate import Service, Simulation


def ratio(service: Service, workers: int, *, cores: int | None = None, seed: int = 1) -> float:
    return Simulation(service, workers=workers, cores=cores, seed=seed).ratio()


def test_one_worker_loses_what_is_not_its_network() -> None:
    service = Service(redis_seconds=0.001, worker_seconds=0.002, image_seconds=0.01)
    assert ratio(service, 1) == pytest.approx(10 / 13, rel=0.02)


def test_many_workers_get_what_one_redis_can_give() -> None:
    service = Service(redis_seconds=0.001, worker_seconds=0.0, image_seconds=0.01)
    # A thousand jobs a second is all there is; forty workers could do four thousand.
    assert ratio(service, 40) == pytest.approx(1000 / 4000, rel=0.03)


def test_many_workers_get_what_the_processors_that_they_share_can_give() -> None:
    service = Service(redis_seconds=0.0001, worker_seconds=0.0009, image_seconds=0.01)
    assert ratio(service, 64, cores=2) == pytest.approx(2000 / 6400, rel=0.05)
    assert ratio(service, 64) > 0.85


def test_the_same_seed_gives_the_same_run_and_another_nearly_the_same() -> None:
    service = Service(redis_seconds=0.0001, worker_seconds=0.0002)
    assert ratio(service, 64, seed=7) == ratio(service, 64, seed=7)
    assert ratio(service, 64, seed=7) == pytest.approx(ratio(service, 64, seed=8), rel=0.02)
