"""The steps of training: each reads what the one before left in the run's folder."""

from pathlib import Path

from rich.table import Table
from safetensors.torch import save_file

from common.manifest import Manifest
from common.model_store import ModelStore
from training.dataset import Dataset, read_dataset
from training.evaluate import figures
from training.export import export
from training.fit import EpochResult, Pictures, fit
from training.outputs import split_outputs
from training.pixels import load_pixels
from training.plan import FitPlan
from training.progress import console
from training.run import Run
from training.split import assign_splits
from worker.inference.predictor import load_predictor

# Larger than the network's input, so that crops still have pixels; smaller than the files, so that memory holds them.
_TRAIN_EDGE = 320
_VAL_EDGE = 512


def run_split(data: Path, run: Run, *, seed: int) -> Dataset:
    """Assign every image to a split, by group."""
    dataset = assign_splits(read_dataset(data), seed=seed)
    run.save_split(dataset)
    table = Table("label", "train", "val", "test", title="images (groups)")
    for label in dataset.labels:
        table.add_row(label, *(_count(dataset, label, split) for split in ("train", "val", "test")))
    console.print(table)
    return dataset


def run_fit(run: Run, plan: FitPlan) -> None:
    """Train, epoch by epoch; a run that was interrupted goes on after its last whole epoch."""
    dataset = run.dataset()
    run.save_plan(plan)
    train = load_pixels(dataset.root, dataset.of("train"), longest_edge=max(_TRAIN_EDGE, plan.input_size * 3 // 2))
    val = load_pixels(dataset.root, dataset.of("val"), longest_edge=_VAL_EDGE)
    for file, reason in (*train.broken, *val.broken):
        console.print(f"[yellow]left out[/] {file}: {reason}")
    fitted = fit(Pictures(train, val, dataset.labels), plan, checkpoint=run.checkpoint, on_epoch=_print_epoch)
    half = {name: v.half() if v.is_floating_point() else v for name, v in fitted.network.state_dict().items()}
    save_file({name: value.contiguous() for name, value in half.items()}, run.weights)
    run.save("history", [vars(result) for result in fitted.history])
    run.checkpoint.unlink(missing_ok=True)


def run_evaluate(run: Run) -> None:
    """Measure the trained network on validation and, once a release, on test."""
    labels = run.dataset().labels
    found = {split: figures(split_outputs(run, split), labels) for split in ("val", "test")}
    run.save("metrics", found)
    table = Table("split", "images", "groups", "accuracy", "macro-F1")
    for split, parts in found.items():
        for part, values in parts.items():
            if values["images"]:
                shown = (values[key] for key in ("images", "groups", "accuracy", "macro_f1"))
                table.add_row(f"{split}, {part}", *map(str, shown))
    console.print(table)


def run_export(run: Run, store: ModelStore, version: str) -> Manifest:
    """Write a version into the store."""
    manifest = export(run, store, version)
    console.print(f"exported [bold]{version}[/] to {store.root / version}")
    return manifest


def _print_epoch(result: EpochResult) -> None:
    console.print(f"epoch {result.epoch}: loss {result.loss:.3f}, validation macro-F1 {result.val_macro_f1:.3f}")


def _count(dataset: Dataset, label: str, split: str) -> str:
    chosen = [sample for sample in dataset.of(split) if sample.label == label]
    return f"{len(chosen)} ({len({sample.group or sample.file for sample in chosen})})"


def run_promote(store: ModelStore, version: str) -> None:
    """Let a version serve after its checksums and self-test have passed."""
    load_predictor(store, runtime="onnx", device="cpu", version=version)
    store.set_current(version)
    console.print(f"[bold]{version}[/] serves now")
