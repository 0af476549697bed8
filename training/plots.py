"""Pictures of a version: training curve, confusion matrix, reliability, risk against coverage."""

import json
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from common.curves import CURVES_NAME, Curves
from training.atomic import whole
from training.curves import measure_curves
from training.evaluate import Thresholds
from training.measure import confusion
from training.outputs import SplitOutputs, split_outputs
from training.run import Run

# No window system on a server.
matplotlib.use("Agg")

from matplotlib import pyplot


def pictures_folder(run: Run, split: str) -> Path:
    """Name where the pictures of a split lie: those of validation never take the place of those of test."""
    return run.folder / f"pictures-{split}"


def draw_all(run: Run, split: str, thresholds: Thresholds) -> None:
    """Draw every picture of a run's split, and write beside them the numbers of the curves, for pages that draw."""
    outputs, labels = split_outputs(run, split), run.dataset().labels
    folder, stored = pictures_folder(run, split), run.folder / "history.json"
    folder.mkdir(exist_ok=True)
    history = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else []
    curves = measure_curves(outputs, thresholds, history)
    if history:
        draw_history(folder / "history.png", history)
    draw_confusion(folder / "confusion.png", outputs, labels)
    draw_reliability(folder / "reliability.png", curves)
    draw_risk_coverage(folder / "risk_coverage.png", curves)
    with whole(folder / CURVES_NAME) as part:
        part.write_text(curves.as_json(), encoding="utf-8")


def draw_history(path: Path, history: list[dict[str, Any]]) -> None:
    """Draw loss and validation macro-F1 over the epochs; of an average, those of each of its runs."""
    figure, left = pyplot.subplots(figsize=(5, 3.2), layout="constrained")
    right = left.twinx()
    runs = sorted({row.get("run", 1) for row in history})
    for run, style in zip(runs, cycle(("o-", "s--", "^:", "d-.")), strict=False):
        rows = [row for row in history if row.get("run", 1) == run]
        epochs = [row["epoch"] for row in rows]
        left.plot(epochs, [row["loss"] for row in rows], f"C0{style}", markersize=4, label=f"run {run}")
        right.plot(epochs, [row["val_macro_f1"] for row in rows], f"C1{style}", markersize=4)
    left.set_xlabel("epoch")
    left.set_ylabel("training loss", color="C0")
    right.set_ylabel("validation macro-F1", color="C1")
    if len(runs) > 1:
        left.legend()
    _save(figure, path)


def draw_confusion(path: Path, outputs: SplitOutputs, labels: tuple[str, ...]) -> None:
    """Draw how often each label is taken for each other one, row by row in per cent."""
    counts = confusion(outputs.truth, outputs.logits.argmax(axis=1), len(labels))
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure, axes = pyplot.subplots(figsize=(5, 4.4), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("answer")
    axes.set_ylabel("label")
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=8)
    _save(figure, path)


def draw_reliability(path: Path, curves: Curves) -> None:
    """Draw how often answers of a confidence are right."""
    figure, axes = pyplot.subplots(figsize=(3.8, 3.6), layout="constrained")
    axes.plot([0, 1], [0, 1], "k:", linewidth=1)
    parts = curves.reliability
    axes.plot([part.confidence for part in parts], [part.right / part.images for part in parts], "C0o-")
    axes.set(xlabel="probability given", ylabel="share right", xlim=(0, 1.02), ylim=(0, 1.02))
    _save(figure, path)


def draw_risk_coverage(path: Path, curves: Curves) -> None:
    """Draw the accuracy of what is answered over the share answered."""
    figure, axes = pyplot.subplots(figsize=(4.4, 3.4), layout="constrained")
    points = curves.coverage
    axes.plot([point.answered / curves.images for point in points], [point.accuracy for point in points], "C0")
    axes.axvline(curves.served.answered / curves.images, color="C1", linestyle="--")
    axes.set(xlabel="share answered", ylabel="accuracy of what is answered", xlim=(0, 1.02), ylim=(0.5, 1.02))
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    # No time stamp and no software name in the file: the same run draws the same bytes.
    with whole(path) as part:
        figure.savefig(part, format="png", dpi=110, metadata={"Software": None})
    pyplot.close(figure)
