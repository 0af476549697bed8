"""The container images hold what was locked: every package with its hashes, in the version that the tests run with."""

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "infra" / "docker"
IMAGES = ("web", "worker")

# What names no package of the lock: dentiq's own metadata, and what whoever builds may add.
_WITHOUT_HASHES = {
    "pip install --no-deps --no-build-isolation .",
    "pip install -c constraints.txt $EXTRA_PACKAGES",
    "pip install ${TORCH_INDEX:+--extra-index-url \"$TORCH_INDEX\"} -c constraints.txt '.[torch]'",
}


def _entries(image: str) -> list[str]:
    """One string a package: its pin, its marker, its hashes."""
    return (DOCKER / f"{image}.txt").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def _pins(lines: list[str]) -> set[str]:
    """Names with versions; for which Pythons a package is needed depends on who asks for it."""
    wanted = [Requirement(line.partition("--hash")[0]) for line in lines if line.strip()]
    return {f"{one.name}{one.specifier}" for one in wanted}


def _asked_for(extra: str) -> set[str]:
    """Names of the packages that an extra of setup.cfg asks for, those of the extras that it names included."""
    configuration = configparser.ConfigParser()
    configuration.read(ROOT / "setup.cfg", encoding="utf-8")
    found: set[str] = set()
    for line in configuration["options.extras_require"][extra].strip().splitlines():
        if line.startswith("#"):
            continue
        wanted = Requirement(line)
        if wanted.name == "dentiq":
            found |= {name for other in wanted.extras for name in _asked_for(other)}
        else:
            found.add(wanted.name)
    return found


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_of_an_image_has_hashes_and_the_version_of_the_tests(image: str) -> None:
    entries = _entries(image)
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    tested = _pins((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    assert _pins(entries) - tested == set()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_what_its_code_asks_for(image: str) -> None:
    locked = {Requirement(pin).name for pin in _pins(_entries(image))}
    assert _asked_for(image) - locked == set()


def test_nothing_else_is_installed_without_a_hash() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installed = {" ".join(words.split()) for words in re.findall(r"pip install [^;&\n]*", dockerfile)}
    locked = {f"pip install --require-hashes -r {image}.txt" for image in IMAGES}
    assert installed == locked | _WITHOUT_HASHES
