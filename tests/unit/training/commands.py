"""Training commands with a network so small that a test can wait for it."""

from pathlib import Path

from click.testing import CliRunner, Result

from training.cli import main

TINY = ("--architecture", "timm:test_efficientnet", "--weights", "random", "--input-size", "32")


def invoke(*arguments: object) -> Result:
    """Run a command of `python -m training`; what is no designed error is raised."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def name_groups(data: Path, *, columns: str = "file,label,group") -> None:
    """Write an index in which each image is a group: the search for duplicates needs most of a test's time."""
    rows = []
    for file in sorted(data.glob("*/*.jpg")):
        label = file.parent.name
        known = {"file": f"{label}/{file.name}", "label": label, "group": f"{label}-{file.stem}"}
        rows.append(",".join(known.get(column, "") for column in columns.split(",")))
    (data / "index.csv").write_text("\n".join([columns, *rows]) + "\n")
