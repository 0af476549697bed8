"""Writes the rules of `prometheus/` as one object of the Prometheus operator.

python -m infra.prometheus_rule > infra/kubernetes/base/rules.yaml
"""

import sys
from pathlib import Path
from typing import Any, Final

import yaml

_RULES: Final = Path(__file__).resolve().parents[1] / "prometheus" / "rules"
_HEADER: Final = (
    "# Written by `python -m infra.prometheus_rule` from prometheus/rules/*.yml; a test compares. "
    "Change those, not this.\n"
)


def render() -> str:
    """Write the object: the groups of every rule file, in the order of their names."""
    document: dict[str, Any] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "dentiq"},
        "spec": {"groups": [group for path in sorted(_RULES.glob("*.yml")) for group in _groups(path)]},
    }
    text: str = yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)
    return _HEADER + text


def _groups(path: Path) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return groups


if __name__ == "__main__":
    sys.stdout.write(render())
