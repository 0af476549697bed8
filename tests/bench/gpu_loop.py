"""The limit on a GPU: read and decode in a process a core, network in passes of many, without queue and HTTP.

    python -m tests.bench.gpu_loop FOLDER

prints the images, the seconds and the processor seconds as JSON. With `cpu` after the folder it runs without a card.
"""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import click

from common.manifest import Preprocessing
from common.model_store import ModelStore
from infra.local.parts import usable_cores
from tests.bench.sides import processor_seconds
from tests.fixtures.stack import ROOT
from worker.inference.decode import decode_pixels
from worker.inference.predictor import Predictor, load_predictor
from worker.inference.runtime import Pixels

# As many as a chunk of the worker carries there.
_CHUNK = 128

# Handed to a process at a time: the count is not what is measured.
_TAKEN = 16


def main(folder: str, device: str = "cuda") -> None:
    """Run the loop once over a folder."""
    predictor = load_predictor(ModelStore(ROOT / "model_store"), runtime="torch", device=device)
    paths = sorted(Path(folder).iterdir())
    decode = partial(_decode, preprocessing=predictor.manifest.preprocessing)
    # Not forked: a process that has asked CUDA for its devices has children that cannot use it.
    with multiprocessing.get_context("spawn").Pool(usable_cores()) as pool:
        # The first passes choose kernels and take memory, the processes import.
        _judge(predictor, pool.imap(decode, paths[:_CHUNK], _TAKEN))
        before, began = processor_seconds([os.getpid()]), time.monotonic()
        images = _judge(predictor, pool.imap(decode, paths, _TAKEN))
        seconds, used = time.monotonic() - began, processor_seconds([os.getpid()]) - before
    click.echo(json.dumps({"images": images, "seconds": seconds, "cpu_seconds": used}))


def _judge(predictor: Predictor, decoded: Iterator[Pixels]) -> int:
    """Compute pictures as they come, while the processes decode the next ones; give their number."""
    images = 0
    while chunk := list(islice(decoded, _CHUNK)):
        images += len(predictor.judge(chunk))
    return images


def _decode(path: Path, preprocessing: Preprocessing) -> Pixels:
    return decode_pixels(path.read_bytes(), preprocessing)


if __name__ == "__main__":
    main(*sys.argv[1:])
