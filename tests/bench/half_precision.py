"""Measures how far half precision moves the answers to the test photographs, from those of torch in float32.

    python -m tests.bench.half_precision --every 2

On a GPU where there is one; else by autocast on the CPU, which takes half a second an image.
"""

import csv

import click
import numpy as np
import torch

from common.model_store import ModelStore
from tests.fixtures.images import REAL_PHOTOS
from tests.fixtures.stack import ROOT
from worker.inference.calibration import probabilities
from worker.inference.decode import decode_pixels
from worker.inference.devices import cuda_is_usable
from worker.inference.runtime import Floats
from worker.inference.torch_runtime import TorchRuntime


@click.command()
@click.option(
    "--every", default=1, type=click.IntRange(min=1), show_default=True, help="Take each so manieth photograph."
)
def main(every: int) -> None:
    """Answer the photographs in each precision and print how the answers differ."""
    if not (REAL_PHOTOS / "index.csv").is_file():
        raise click.UsageError(
            "The photographs of the data set are not beside this checkout: there is nothing to answer."
        )
    store = ModelStore(ROOT / "model_store")
    manifest = store.manifest(store.current())
    folder, device = store.folder(manifest.version), "cuda" if cuda_is_usable() else "cpu"
    with (REAL_PHOTOS / "index.csv").open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["split"] == "test"][::every]
    squares = [decode_pixels((REAL_PHOTOS / name).read_bytes(), manifest.preprocessing) for name in names]

    def answers(place: str, half: torch.dtype | None) -> Floats:
        logits = TorchRuntime(folder, manifest, place, half=half).run(squares).logits
        return probabilities(logits, manifest.temperature)

    exact = answers("cpu", None)
    for half in (torch.float16, torch.bfloat16):
        found = answers(device, half)
        moved = np.abs(found - exact).max(axis=1)
        same = float(np.mean(found.argmax(axis=1) == exact.argmax(axis=1)))
        click.echo(
            f"{half} on {device}, {len(squares)} photographs: equal top label {same:.1%}, probabilities differ by "
            f"{np.median(moved):.4f} (median), {np.quantile(moved, 0.99):.4f} (99 %), {moved.max():.4f} (largest)"
        )


if __name__ == "__main__":
    main()
