"""The limit on a GPU: read, decode in threads, preprocess, network, in one process, without queue and HTTP.

    python -m tests.bench.gpu_loop FOLDER

prints the images, the seconds and the processor seconds as JSON. With `cpu` after the folder it runs without a card.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from common.errors import DentiqError
from common.model_store import ModelStore
from tests.fixtures.stack import ROOT
from worker.inference.predictor import load_predictor

# As many as a chunk of the worker carries there.
_CHUNK = 128


def main(folder: str, device: str = "cuda") -> None:
    """Run the loop once over a folder."""
    predictor = load_predictor(ModelStore(ROOT / "model_store"), runtime="torch", device=device)
    paths = sorted(Path(folder).iterdir())
    # The first passes choose kernels and take memory.
    predictor.predict(_contents(paths[:_CHUNK]))
    remaining = iter(paths)
    before, began = _processor_seconds(), time.monotonic()
    while chunk := list(islice(remaining, _CHUNK)):
        for answer in predictor.predict(_contents(chunk)):
            if isinstance(answer, DentiqError):
                raise answer
    seconds, used = time.monotonic() - began, _processor_seconds() - before
    click.echo(json.dumps({"images": len(paths), "seconds": seconds, "cpu_seconds": used}))


def _contents(paths: list[Path]) -> Iterator[bytes]:
    return (path.read_bytes() for path in paths)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(*sys.argv[1:])
