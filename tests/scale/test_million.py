"""The run of a million jobs, short: what must not grow with their number."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.scale.million import main, measure
from tests.scale.rig import PORTION


@pytest.mark.timeout(240)
def test_a_late_job_costs_what_an_early_one_costs(tmp_path: Path) -> None:
    report = measure(tmp_path / "run", jobs=8_000, window=4_000)
    assert report.rest.reading.rows == 8_000
    ratios = report.ratios()
    assert ratios["Redis bytes a job"] <= 1.1
    assert ratios["peak memory of web while the CSV goes out"] <= 1.1
    # By processor time, each window against an empty store right after it. A step that looks at every job would come to
    # several times; twice leaves room for what else this machine does.
    assert ratios["processor time to submit a job"] < 2
    assert ratios["processor time to work a job off"] < 2


def test_the_script_writes_every_window_and_prints_the_ratios(tmp_path: Path) -> None:
    out = tmp_path / "million.json"
    arguments = ["--jobs", str(PORTION), "--first", str(4 * PORTION), "--out", str(out), "--folder", str(tmp_path)]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert re.search(r"\d\.\d\d  Redis bytes a job", done.output)
    assert '"ratios"' in out.read_text(encoding="utf-8")
    assert not list(tmp_path.glob("dentiq-scale-*"))
