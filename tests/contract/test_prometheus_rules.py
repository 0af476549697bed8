"""Rules and alerts: valid, each alert proven to fire and to stay silent, each explained, each on metrics that exist."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.contract.promql import ROOT, known_metrics, metrics_named, rules

PROMETHEUS = ROOT / "prometheus"
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI"):
        pytest.fail("promtool is missing; .ci/run installs it with Debian's package prometheus")
    if found is None:
        pytest.skip("promtool is not on PATH (Debian: apt-get install prometheus)")
    return found


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_its_configuration_and_all_rules(promtool: str) -> None:
    run(promtool, "check", "config", str(PROMETHEUS / "prometheus.yml"))


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_stay_silent_as_their_stories_tell(promtool: str, path: Path) -> None:
    run(promtool, "test", "rules", str(path))


def test_every_alert_has_a_story_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    fires: set[str] = set()
    silent: set[str] = set()
    for path in RULE_TESTS:
        for story in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for case in story["alert_rule_test"]:
                (fires if case["exp_alerts"] else silent).add(case["alertname"])
    assert fires == silent == set(rules("alert"))


def test_every_alert_has_a_paragraph_in_the_runbook_and_no_paragraph_is_left_over() -> None:
    runbook = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8").partition("## Runbook")[2]
    paragraphs = dict(re.findall(r"^### (\w+)\n\n((?:.+\n)+)", runbook, flags=re.MULTILINE))
    assert set(paragraphs) == set(rules("alert"))
    assert [name for name, text in paragraphs.items() if len(text.split()) < 20] == []


@pytest.mark.parametrize("name", sorted(rules("alert")))
def test_an_alert_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on(name: str) -> None:
    alert = rules("alert")[name]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["runbook"] == f"docs/monitoring.md#{name.lower()}"


@pytest.mark.parametrize("name", sorted({**rules("alert"), **rules("record")}))
def test_a_rule_asks_only_for_metrics_that_exist(name: str) -> None:
    rule = {**rules("alert"), **rules("record")}[name]
    asked = metrics_named(rule["expr"])
    assert asked
    assert asked - known_metrics() == set()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('sum by (le) (rate(a_bucket{code=~"5..|b"}[5m])) > 0', {"a_bucket"}),
        ("histogram_quantile(0.95, a:b:p95_5m) / on (x) group_left (y) c_total offset 6h", {"a:b:p95_5m", "c_total"}),
        ('absent(up{job="web"} == 1) or vector(0)', {"up"}),
        ("rate(c_total[$__rate_interval]) * 1e3", {"c_total"}),
    ],
)
def test_the_reader_of_queries_finds_exactly_the_metrics(query: str, names: set[str]) -> None:
    assert metrics_named(query) == names
