"""Nothing that our programs read can run code: no pickle, no loader that takes one, no YAML that makes objects."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("common", "web", "worker", "training", "client", "infra")

FORBIDDEN = {
    # What refused weights raise is no loader.
    "pickle": re.compile(
        r"^\s*(?:import|from)\s+(?!pickle import UnpicklingError\s*(?:#.*)?$)"
        r"(?:pickle|cPickle|dill|cloudpickle|joblib|shelve|marshal)\b",
        re.M,
    ),
    "arrays with objects": re.compile(r"allow_pickle\s*=\s*True"),
    "weights with code": re.compile(r"torch\.load\((?![^)]*weights_only=True)"),
    "YAML with objects": re.compile(r"yaml\.(?:load|unsafe_load|full_load)\("),
    "code from text": re.compile(r"(?<![\w.])(?:eval|exec)\("),
    "Celery beside JSON": re.compile(r"accept_content[\"']?\s*[=:](?!\s*\[\"json\"\])"),
}


def test_no_module_reads_what_could_run_code() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {what}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for what, pattern in FORBIDDEN.items()
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert found == set()
