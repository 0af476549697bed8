"""What an installed dentiq holds beside its modules."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Asks the program that makes wheels, and makes none.
LIST = """\
from setuptools import Distribution
made = Distribution()
made.parse_config_files()
build = made.get_command_obj("build_py")
build.ensure_finalized()
print(*[f"{package}/{name}" for package, _, _, names in build.data_files for name in names], sep="\\n")
"""


def packaged() -> set[str]:
    listed = subprocess.run([sys.executable, "-c", LIST], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


def test_the_client_says_that_it_is_typed() -> None:
    # Without this mark a type checker takes all of an installed client for `Any`.
    assert "client/py.typed" in packaged()
