"""Which metrics a query names, and which metrics there are: our table, our recording rules, the exporters' lists."""

import re
from pathlib import Path
from typing import Any

import yaml

from common import metrics

ROOT = Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))

_KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"}
# Prometheus itself makes these two.
_BUILT_IN = {"up", "ALERTS"}


def metrics_named(query: str) -> set[str]:
    """List the metrics of a PromQL query: every identifier that is no function, label, keyword, string or duration."""
    text = re.sub(r'"(\\.|[^"\\])*"', "", query)
    text = re.sub(r"\{[^}]*\}", "", text)
    text = re.sub(r"\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)
    text = re.sub(r"\boffset\s+\w+", "", text)
    found = re.finditer(r"(?<![\w.$])([a-zA-Z_:][\w:]*)\b(?!\s*\()", text)
    return {match.group(1) for match in found} - _KEYWORDS


def groups(path: Path) -> list[dict[str, Any]]:
    """Read the groups of a rule file."""
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return found


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """Read all rules of a kind, `alert` or `record`, by their names."""
    return {rule[kind]: rule for path in RULES for group in groups(path) for rule in group["rules"] if kind in rule}


def table() -> list[metrics.Metric]:
    """List our own metrics."""
    return [value for value in vars(metrics).values() if isinstance(value, metrics.Metric)]


def series_of(metric: metrics.Metric) -> set[str]:
    """Name the series that a metric shows."""
    return {metric.name + suffix for suffix in ("_bucket", "_sum", "_count")} if metric.buckets else {metric.name}


def known_metrics() -> set[str]:
    """Name everything that a query may ask for."""
    ours = {name for metric in table() for name in series_of(metric)}
    exporters = {
        line
        for path in (ROOT / "prometheus" / "exporters").glob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    }
    return ours | exporters | set(rules("record")) | _BUILT_IN
