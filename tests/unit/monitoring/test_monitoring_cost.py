"""What a measurement of the cost of monitoring may claim."""

import random

import pytest

from tests.bench.monitoring_cost import LIMIT, Pair, Verdict, figures, verdict_of
from tests.bench.rounds import median_interval


def test_the_interval_holds_the_true_median_19_times_of_20() -> None:
    chance = random.Random(1)
    intervals = [median_interval([chance.expovariate(1) for _ in range(30)]) for _ in range(2000)]
    true_median = 0.6931
    held = sum(low <= true_median <= high for low, high in intervals)
    assert 0.94 * 2000 <= held <= 0.98 * 2000


@pytest.mark.parametrize(
    ("costs", "verdict"),
    [
        ([0.01, 0.02, 0.03] * 10, Verdict.HELD),
        ([0.08, 0.09, 0.10] * 10, Verdict.MISSED),
        ([-0.2, 0.01, 0.2] * 10, Verdict.UNDECIDED),
        # A median below the promise is no proof where the pairs are spread as widely as this.
        ([-0.3, LIMIT - 0.01, 0.3] * 3, Verdict.UNDECIDED),
    ],
)
def test_a_promise_is_held_only_where_the_whole_interval_says_so(costs: list[float], verdict: Verdict) -> None:
    assert verdict_of(*median_interval(costs)) is verdict


def test_what_monitoring_takes_is_a_share_of_what_there_is_without_it() -> None:
    # 95 images a second of 100, and 20 ms an image of which monitoring has one.
    pair = Pair(speed={True: 95.0, False: 100.0}, cpu_ms={True: 20.0, False: 19.0})
    assert {name: figure.value for name, figure in figures([pair]).items()} == pytest.approx(
        {"cost of monitoring, share of throughput": 0.05, "cost of monitoring, by processor time": 0.05}
    )
