"""What the documents tell a reader to type or to open exists."""

import importlib.util
import re
from pathlib import Path

import pytest

from client.cli import cli
from common.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "tests").glob("*/README.md"))
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for paths in FOLDERS for path in paths)
NOT_SETTINGS = {"DENTIQ_URL", "DENTIQ_API_KEY"}


@pytest.fixture(params=DOCUMENTS)
def path(request: pytest.FixtureRequest) -> Path:
    return ROOT / str(request.param)


@pytest.fixture
def document(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_documents_of_every_folder_are_looked_at() -> None:
    some = {"README.md", "docs/monitoring.md", "docs/decisions/0002-messages-are-hints.md", "tests/chaos/README.md"}
    assert some <= set(DOCUMENTS)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_make_target_in_it_exists(document: str) -> None:
    named = set(re.findall(r"(?:`|^ {4})make(?: PYTHON=\S+)? ([a-z-]+)", document, re.MULTILINE))
    assert named <= targets()


def test_every_module_to_run_in_it_exists(document: str) -> None:
    named = set(re.findall(r"python -m ([a-z_.]+)", document))
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


def test_every_command_of_the_client_in_it_exists(document: str) -> None:
    named = set(re.findall(r"bin/dentiq ([a-z]+)", document))
    assert named <= set(cli.commands)


def test_every_setting_in_it_exists(document: str) -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    assert set(re.findall(rf"\b{ENV_PREFIX}[A-Z_]*[A-Z]\b", document)) <= known


def test_every_file_that_it_links_to_exists(path: Path, document: str) -> None:
    # A link is read from the folder of its document.
    linked = {link for link in re.findall(r"\]\(([^)#]+)", document) if "://" not in link}
    assert [link for link in linked if not (path.parent / link).exists()] == []


def test_every_path_in_code_marks_of_it_exists(document: str) -> None:
    folders = ("common", "web", "worker", "training", "client", "infra", "tests", "docs", "model_store")
    named = re.findall(rf"`((?:{'|'.join(folders)})/[\w./-]*)`", document)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_documents_name_no_path_of_one_machine(document: str) -> None:
    assert re.findall(r"(?<![\w.])/(?:home|work|root|Users|tmp)/\S*", document) == []


def commands(document: str) -> list[str]:
    """The lines of its code blocks, without what is said about them."""
    lines = re.findall(r"^ {4}(\S.*)$", document, re.MULTILINE)
    return [re.sub(r"\s+# .*", "", line) for line in lines]


def outline(document: str) -> list[int]:
    """How deep each of its headings is."""
    return [len(marks) for marks in re.findall(r"^(#+) ", document, re.MULTILINE)]


def test_the_readme_says_the_same_in_both_languages() -> None:
    english, french = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.fr.md"))
    assert len(commands(english)) > 20
    assert commands(french) == commands(english)
    assert outline(french) == outline(english)
    # Targets, settings and options in code marks are not translated.
    marked = re.compile(r"`((?:make |DENTIQ_|--|POST |Idempotency)[^`]*)`")
    assert set(marked.findall(french)) == set(marked.findall(english))


def test_help_lists_every_target() -> None:
    described = set(re.findall(r"^([a-z-]+):.*## \S", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert described == targets()
