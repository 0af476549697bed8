"""What is computed once and stored: used again for the same images alone, and never a half of it."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from training import outputs, steps, teacher
from training.dataset import Dataset, Sample
from training.outputs import folder_outputs
from training.plan import FitPlan
from training.run import Run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def rows(_: object, inputs: Iterable[Path]) -> tuple[outputs.Floats, outputs.Floats]:
        sizes = np.array([[path.stat().st_size] for path in inputs], dtype=np.float32)
        return sizes, sizes

    # The network answers with the size of each file.
    monkeypatch.setattr(outputs, "served_inputs", lambda paths, *_: list(paths))
    monkeypatch.setattr(outputs, "answers", rows)
    monkeypatch.setattr(outputs, "why_unreadable", lambda _: "")
    run = Run(tmp_path / "run")
    run.save_split(Dataset(tmp_path, (), ("blue", "grass")))
    run.save_plan(FitPlan())
    run.weights.write_bytes(b"fitted")
    return run


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "foreign" / "cats").mkdir(parents=True)
    (tmp_path / "foreign" / "cats" / "0.jpg").write_bytes(b"1")
    return tmp_path / "foreign"


def sizes(run: Run, images: Path) -> list[float]:
    return list(folder_outputs(run, images)["cats"][0][:, 0])


def test_answers_are_stored_for_the_same_files_alone(run: Run, images: Path) -> None:
    assert sizes(run, images) == [1]
    (images / "cats" / "0.jpg").write_bytes(b"22")
    assert sizes(run, images) == [2]
    (images / "cats" / "1.jpg").write_bytes(b"333")
    assert sizes(run, images) == [2, 3]


def test_answers_of_another_version_of_the_runtime_are_computed_again(
    run: Run, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sizes(run, images) == [1]
    monkeypatch.setattr(outputs, "answers", lambda *_: (np.array([[7.0]], np.float32),) * 2)
    assert sizes(run, images) == [1]
    monkeypatch.setattr(onnxruntime, "__version__", "0.0.1")
    assert sizes(run, images) == [7]


def test_answers_are_computed_again_for_other_bytes_of_the_same_length(
    run: Run, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sizes(run, images) == [1]
    (images / "cats" / "0.jpg").write_bytes(b"2")
    monkeypatch.setattr(outputs, "answers", lambda *_: (np.array([[7.0]], np.float32),) * 2)
    assert sizes(run, images) == [7]


def test_answers_killed_while_they_are_written_are_computed_again(
    run: Run, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_halfway(file: object, **_: object) -> None:
        if isinstance(file, Path):
            file.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", stop_halfway)
        with pytest.raises(KeyboardInterrupt):
            sizes(run, images)
    assert sizes(run, images) == [1]


def test_leakage_is_measured_again_for_another_split(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def measure(dataset: Dataset, _: FitPlan) -> dict[str, float]:
        measured.append(len(dataset.labels))
        return {"by_image": float(len(measured))}

    monkeypatch.setattr(steps, "leakage", measure)
    assert [steps.stored_leakage(run)["by_image"] for _ in range(2)] == [1, 1]
    (run.folder.parent / "a").write_bytes(b"x")
    (run.folder / "split.csv").write_text("file,label,group,split,kind,all_labels\na,blue,,test,original,blue\n")
    assert steps.stored_leakage(run)["by_image"] == 2


def test_what_the_teacher_saw_is_kept_for_the_same_bytes_and_whole(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def look(dataset: Dataset) -> outputs.Floats:
        seen.append(len(dataset.samples))
        return np.full((1, 1), len(seen), np.float32)

    def stop_halfway(file: object, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(teacher, "_teacher_features", look)
    (tmp_path / "a.jpg").write_bytes(b"1")
    data = Dataset(tmp_path, (Sample("a.jpg", "blue"),), ("blue", "grass"))
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", stop_halfway)
        with pytest.raises(KeyboardInterrupt):
            teacher._stored(run, data)
    assert not list(run.folder.glob("teacher*"))
    assert [teacher._stored(run, data).item() for _ in range(2)] == [2, 2]
    (tmp_path / "a.jpg").write_bytes(b"2")
    assert teacher._stored(run, data).item() == 3
