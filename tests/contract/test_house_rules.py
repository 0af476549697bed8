"""Rules of the house that no linter checks."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 300
WRITTEN_BY_HAND = {".py", ".html", ".css", ".js", ".lua", ".sh", ".toml", ".cfg", ".yml", ".yaml"}
OTHERS_WORK = ("vendor", "vendored")


def files_in_git() -> list[Path]:
    """Every file that is part of the repository, as git sees it."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_file_is_longer_than_300_lines() -> None:
    ours = [
        path
        for path in files_in_git()
        if path.suffix in WRITTEN_BY_HAND and not any(part in OTHERS_WORK for part in path.parts)
    ]
    too_long = {
        str(path.relative_to(ROOT)): lines
        for path in ours
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert too_long == {}
