"""Dashboards that a person on call can trust: every panel asks for what exists and says what it shows."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.dashboards import FILES, GRAFANA, PanelQuery, filled_in, load, panels, queries, variables
from tests.contract.promql import known_metrics, metrics_named, rules, series_of, table

SOURCE = "dentiq-prometheus"
ALL_QUERIES = [query for path in FILES for query in queries(path)]

boards = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def provisioned(kind: str) -> dict[str, Any]:
    (path,) = (GRAFANA / "provisioning" / kind).glob("*.yml")
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def test_there_are_the_four_dashboards() -> None:
    titles = {load(path)["title"] for path in FILES}
    assert titles == {"dentiq: Queue", "dentiq: Predictions", "dentiq: Service", "dentiq: Host and Redis"}
    assert len({load(path)["uid"] for path in FILES}) == 4


def test_the_data_source_has_the_uid_that_every_panel_names() -> None:
    (source,) = provisioned("datasources")["datasources"]
    assert source["uid"] == SOURCE
    assert source["isDefault"]


def test_nothing_that_is_provisioned_holds_a_password() -> None:
    for path in GRAFANA.rglob("*"):
        if path.is_file():
            assert not re.search(r"password|secureJsonData", path.read_text(encoding="utf-8"), flags=re.IGNORECASE)


@pytest.mark.parametrize("query", ALL_QUERIES, ids=lambda query: query.name)
def test_a_panel_asks_only_for_metrics_that_exist(query: PanelQuery) -> None:
    asked = metrics_named(filled_in(query.expression))
    assert asked
    assert asked - known_metrics() == set()


@boards
def test_every_panel_explains_itself_in_units_with_thresholds_from_the_one_source(path: Path) -> None:
    for panel in panels(load(path)):
        assert len(panel["description"].split()) >= 5, panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert panel["type"] == "heatmap" or defaults["thresholds"]["steps"], panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {SOURCE}


@boards
def test_every_variable_is_used_and_every_used_one_exists(path: Path) -> None:
    board = load(path)
    names = {variable["name"] for variable in variables(board)}
    used = set(re.findall(r"\$(\w+)", " ".join(query.expression for query in queries(path))))
    assert names
    assert used - {"__rate_interval", "__range", "__interval"} == names


@boards
def test_a_variable_takes_its_values_from_a_label_of_a_metric_that_exists(path: Path) -> None:
    labels = {metric.name: metric.labels for metric in table()}
    for variable in variables(load(path)):
        asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
        assert asked is not None
        metric, label = asked.groups()
        assert metric in known_metrics()
        assert label in labels.get(metric, (label,))
        assert (variable["includeAll"], variable["allValue"], variable["refresh"]) == (True, ".*", 2)


@boards
def test_panels_lie_beside_each_other_and_have_numbers_of_their_own(path: Path) -> None:
    board = load(path)
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for column in range(place["x"], place["x"] + place["w"]):
            for row in range(place["y"], place["y"] + place["h"]):
                assert (column, row) not in taken, f"{panel['title']} covers {taken.get((column, row))}"
                taken[column, row] = panel["title"]
    numbers = [panel["id"] for panel in board["panels"]]
    assert sorted(set(numbers)) == sorted(numbers)


def test_every_metric_of_the_table_is_looked_at_somewhere() -> None:
    expressions = [filled_in(query.expression) for query in ALL_QUERIES]
    expressions += [rule["expr"] for rule in {**rules("alert"), **rules("record")}.values()]
    expressions += [variable["query"]["query"] for path in FILES for variable in variables(load(path))]
    asked = set().union(*(metrics_named(expression) for expression in expressions))
    asked |= {word for expression in expressions for word in re.findall(r"label_values\((\w+)", expression)}
    assert [metric.name for metric in table() if not series_of(metric) & asked] == []


def test_every_panel_that_the_runbook_sends_people_to_exists() -> None:
    runbook = (GRAFANA.parent / "docs" / "monitoring.md").read_text(encoding="utf-8").partition("## Runbook")[2]
    # In italics and with a capital: the other italics are states.
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", runbook))
    assert "Failures by code" in named
    assert named - {panel["title"] for path in FILES for panel in panels(load(path))} == set()
