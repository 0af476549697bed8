"""The dashboards as Grafana would load them: panels, their queries, and the queries with the variables filled in."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).resolve().parents[2] / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))

# What Grafana itself puts in, for a range of a quarter of an hour scraped every ten seconds.
_BUILT_IN = {"__rate_interval": "1m", "__interval": "15s", "__range": "15m"}


@dataclass(frozen=True)
class PanelQuery:
    """One query of one panel."""

    board: str
    panel: str
    expression: str

    @property
    def name(self) -> str:
        """What a test is called by."""
        return f"{self.board}/{self.panel}"


def load(path: Path) -> dict[str, Any]:
    """Read a dashboard."""
    board: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return board


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk over the panels that show something, those inside of rows included."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", ())


def variables(board: dict[str, Any]) -> list[dict[str, Any]]:
    """List a dashboard's variables."""
    found: list[dict[str, Any]] = board["templating"]["list"]
    return found


def queries(path: Path) -> list[PanelQuery]:
    """List all queries of a dashboard."""
    return [
        PanelQuery(path.stem, panel["title"], target["expr"])
        for panel in panels(load(path))
        for target in panel["targets"]
    ]


def filled_in(expression: str) -> str:
    """Put Grafana's own values in, and "all" for every variable of the dashboard."""
    for name, value in _BUILT_IN.items():
        expression = re.sub(rf"\${name}\b", value, expression)
    return re.sub(r"\$\w+", ".*", expression)
