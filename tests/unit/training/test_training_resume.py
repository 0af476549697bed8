"""What a run's folder holds is used again only for what it was made of, wherever the run was killed or begun anew."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from training import run as training_run
from training import steps
from training.checkpoint import EpochResult
from training.cli import main
from training.run import Run

TINY = ["--architecture", "timm:test_efficientnet", "--weights", "random", "--input-size", "32"]
SHORT = ["--epochs", "2", "--epoch-images", "96"]


class InterruptedByTestError(Exception):
    """Stands for a killed process."""


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def split(data: Path, run: Run, *, seed: int = 17) -> None:
    assert invoke("split", data, "--run", run.folder, "--seed", seed).exit_code == 0


def fit(run: Run, *options: object) -> Result:
    return invoke("fit", "--run", run.folder, *TINY, *SHORT, *options)


@pytest.fixture(autouse=True)
def known_groups(made_data: Path) -> None:
    # Looking for duplicates needs the packaged network and most of a test's time.
    files = sorted(made_data.glob("*/*.jpg"))
    rows = [f"{file.parent.name}/{file.name},{file.parent.name},{file.stem}-{file.parent.name}" for file in files]
    (made_data / "index.csv").write_text("\n".join(["file,label,group", *rows]) + "\n")


@pytest.fixture
def run(made_data: Path, tmp_path: Path) -> Run:
    run = Run(tmp_path / "run")
    split(made_data, run)
    return run


def interrupt_first_epoch(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: EpochResult) -> None:
        raise InterruptedByTestError

    with monkeypatch.context() as patch:
        patch.setattr(steps, "print_epoch", stop)
        with pytest.raises(InterruptedByTestError):
            fit(run)


def test_an_interrupted_fit_does_not_go_on_with_other_training_photographs(
    run: Run, made_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_first_epoch(run, monkeypatch)
    learned = run.checkpoint.read_bytes()
    split(made_data, run, seed=17)
    assert run.checkpoint.is_file()
    split(made_data, run, seed=2)
    assert not run.checkpoint.exists()
    run.checkpoint.write_bytes(learned)
    begun_anew = fit(run)
    assert begun_anew.output.count(": loss ") == 2
    assert "another split" in begun_anew.output


def test_another_split_forgets_the_weights(run: Run, made_data: Path) -> None:
    run.weights.write_bytes(b"fitted")
    split(made_data, run, seed=17)
    assert run.weights.is_file()
    split(made_data, run, seed=2)
    assert not run.weights.exists()


def test_a_fit_killed_before_its_history_is_stored_is_not_taken_for_done(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Run.save

    def stop_at_history(self: Run, name: str, values: object) -> None:
        if name == "history":
            raise InterruptedByTestError
        save(self, name, values)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", stop_at_history)
        with pytest.raises(InterruptedByTestError):
            fit(run)
    assert not run.is_fitted_by(run.plan())
    assert fit(run).output.count(": loss ") == 0
    assert run.is_fitted_by(run.plan())


def test_a_fit_killed_while_its_weights_are_written_leaves_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop_halfway(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise InterruptedByTestError

    with monkeypatch.context() as patch:
        for module in (steps, training_run):
            patch.setattr(module, "save_file", stop_halfway, raising=False)
        with pytest.raises(InterruptedByTestError):
            fit(run)
    assert not run.is_fitted_by(run.plan())
    assert fit(run).exit_code == 0
    assert run.is_fitted_by(run.plan())


def test_figures_of_other_weights_are_not_exported(run: Run, tmp_path: Path) -> None:
    places = ("--run", run.folder, "--store", tmp_path / "store", "--version", "mixed")
    fit(run, "--epochs", 1)
    for step in (("calibrate",), ("evaluate", "--test")):
        assert invoke(*step, "--run", run.folder).exit_code == 0
    fit(run, "--epochs", 1, "--seed", 5)
    for command in (("export", *places), ("evaluate", "--run", run.folder)):
        refused = invoke(*command)
        assert refused.exit_code == 2
        assert "training calibrate" in refused.output
    assert invoke("calibrate", "--run", run.folder).exit_code == 0
    refused = invoke("export", *places)
    assert refused.exit_code == 2
    assert "training evaluate --test" in refused.output
    assert not (tmp_path / "store" / "mixed").exists()
