"""Figures as tables on the terminal."""

from typing import Any

from rich.table import Table

from training.checkpoint import EpochResult
from training.compare import Comparison
from training.dataset import Dataset
from training.progress import console
from training.reproduce import Reproduction
from training.shadowing import ShadowComparison


def print_figures(found: dict[str, Any]) -> None:
    """Print everything that an evaluation measured."""
    _print_splits(found)
    _print_shortcuts(found.get("shortcuts", {}))
    _print_foreign(found.get("foreign", {}).get("scores", {}))
    _print_leakage(found.get("leakage", {}))


def _print_leakage(found: dict[str, float]) -> None:
    if found:
        console.print(
            f"the same simple classifier: macro-F1 {found['by_image']:.3f} split by image, "
            f"{found['by_group']:.3f} split by group"
        )


def print_split(dataset: Dataset) -> None:
    """Print how many images and groups each split has of each label."""
    table = Table("label", "train", "val", "test", title="images (groups)")
    for label in dataset.labels:
        table.add_row(label, *(_count(dataset, label, split) for split in ("train", "val", "test")))
    console.print(table)


def _count(dataset: Dataset, label: str, split: str) -> str:
    chosen = [sample for sample in dataset.of(split) if sample.label == label]
    return f"{len(chosen)} ({len({sample.group or sample.file for sample in chosen})})"


def print_history(history: list[EpochResult]) -> None:
    """Print what each epoch of a fit gave."""
    table = Table("epoch", "loss", "validation loss", "validation macro-F1")
    for result in history:
        table.add_row(str(result.epoch), *(f"{v:.3f}" for v in (result.loss, result.val_loss, result.val_macro_f1)))
    console.print(table)


def print_comparison(found: Comparison) -> None:
    """Print two versions side by side."""
    low, high = found.gain_interval
    table = Table("", *found.versions, title=f"{found.images} images")
    table.add_row("macro-F1", *(f"{value:.3f}" for value in found.macro_f1))
    table.add_row("answered", *(f"{value:.1%}" for value in found.answered))
    console.print(table)
    console.print(f"gain of the second: {found.gain:+.3f} (95 %: {low:+.3f} to {high:+.3f})")
    console.print(f"same top label: {found.same_label:.1%}")


def print_shadow(found: ShadowComparison) -> None:
    """Print how a shadow answered beside the version that served, label by label."""
    table = Table(
        "served", "jobs", "same", "the shadow said instead", title=f"{found.served} served, {found.shadow} unseen"
    )
    for label in sorted({said for said, _ in found.labels}):
        row = {other: count for (said, other), count in found.labels.items() if said == label}
        jobs, same = sum(row.values()), row.pop(label, 0)
        others = ", ".join(f"{other} {count}" for other, count in sorted(row.items(), key=lambda item: -item[1]))
        table.add_row(label, str(jobs), f"{same / jobs:.1%}", others)
    console.print(table)
    console.print(f"{found.jobs} jobs: same label {found.same_label:.1%}, same outcome {found.same_outcome:.1%}")


def print_reproduction(found: Reproduction) -> None:
    """Print a job's answer beside the one computed now."""
    table = Table("label", "stored", "computed", title=f"{found.version}, preprocessing {found.preprocessing}")
    for label, value in sorted(found.computed.items(), key=lambda item: -item[1]):
        table.add_row(label, f"{found.stored.get(label, float('nan')):.5f}", f"{value:.5f}")
    console.print(table)
    console.print(f"largest difference {found.difference:.6f}")


def _print_splits(found: dict[str, Any]) -> None:
    table = Table("split", "images", "groups", "accuracy", "macro-F1", "calibration error", "answered", "of it right")
    for split in ("val", "test"):
        for part, values in found.get(split, {}).items():
            if values["images"]:
                table.add_row(f"{split}, {part}", *_cells(values))
    console.print(table)


def _cells(values: dict[str, Any]) -> list[str]:
    low, high = values["macro_f1_interval"]
    return [
        str(values["images"]),
        str(values["groups"]),
        f"{values['accuracy']:.3f}",
        f"{values['macro_f1']:.3f} ({low:.2f} to {high:.2f})",
        f"{values['calibration_error']:.3f}",
        f"{values['answered']['share']:.1%}",
        f"{values['answered']['accuracy']:.1%}",
    ]


def _print_shortcuts(found: dict[str, Any]) -> None:
    table = Table("shortcut taken away", "macro-F1", "loss")
    for name, values in found.items():
        table.add_row(name, f"{values['macro_f1']:.3f}", f"{values['loss']:+.3f}")
    console.print(table)


def _print_foreign(found: dict[str, Any]) -> None:
    table = Table("foreign images", "dental rejected", "AUROC", "rejected")
    for kind, values in found.items():
        table.add_row(kind, f"{values['dental_rejected']:.1%}", str(values["auroc"]), str(values["rejected"]))
    if found:
        console.print(table)
