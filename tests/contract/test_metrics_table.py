"""The table of metrics keeps to its own rules, and the recipe for a new one works."""

import re

import pytest

from common.metrics import Metric
from tests.contract.promql import ROOT, table

_IDENTIFYING = {"job_id", "id", "filename", "file", "path", "user", "pid", "batch", "batch_id"}


@pytest.mark.parametrize("metric", table(), ids=lambda metric: metric.name)
def test_a_metric_is_named_explained_and_bounded(metric: Metric) -> None:
    assert re.fullmatch(r"dentiq_[a-z0-9_]+", metric.name)
    assert metric.help.endswith(".")
    assert not set(metric.labels) & _IDENTIFYING
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert not re.search(r"_(milliseconds|ms|minutes|kilobytes|mb|percent)(_total)?$", metric.name)


def test_no_name_is_given_twice() -> None:
    names = [metric.name for metric in table()]
    assert sorted(set(names)) == sorted(names)


def test_the_recipe_for_a_metric_of_ones_own_takes_at_most_ten_lines_and_works() -> None:
    section = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8").partition("## Add your own metric")[2]
    (recipe, *_) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    assert len(recipe.splitlines()) <= 10
    assert "assert" in recipe
    exec(recipe, {})
