"""The limit: read, decode, preprocess, network, in one process a core, without queue and HTTP.

    python -m tests.bench.bare_loop FOLDER

prints the images, the seconds and the processor seconds as JSON.
"""

import json
import multiprocessing
import resource
import sys
import time
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import click

from common.model_store import ModelStore
from infra.local.parts import usable_cores
from tests.fixtures.stack import ROOT
from worker.inference.predictor import load_predictor

_WARM_UP = 5

# Taken together from the shared list: the count is not what is measured.
_TAKEN = 4


def _loop(folder: str, runtime: str, following: "Synchronized[int]", start: Barrier, answers: Any) -> None:
    predictor = load_predictor(ModelStore(ROOT / "model_store"), runtime=runtime, device="cpu")
    paths = sorted(Path(folder).iterdir())
    for path in paths[:_WARM_UP]:
        predictor.judge([predictor.decode(path.read_bytes())])
    start.wait()
    before, began = _processor_seconds(), time.monotonic()
    while True:
        with following.get_lock():
            first = following.value
            following.value += _TAKEN
        taken = paths[first : first + _TAKEN]
        if not taken:
            break
        for path in taken:
            predictor.judge([predictor.decode(path.read_bytes())])
    answers.put((began, time.monotonic(), _processor_seconds() - before))


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(folder: str, runtime: str = "onnx") -> None:
    """Run the loop once over a folder on all cores."""
    context = multiprocessing.get_context("spawn")
    processes = usable_cores()
    following, start, answers = context.Value("i", 0), context.Barrier(processes), context.Queue()
    # A value with a lock; the type of it depends on the argument, which the stubs do not follow.
    arguments: Any = (folder, runtime, following, start, answers)
    running: list[SpawnProcess] = [context.Process(target=_loop, args=arguments) for _ in range(processes)]
    for process in running:
        process.start()
    rows = [answers.get(timeout=600) for _ in running]
    for process in running:
        process.join()
    seconds = max(ended for _, ended, _ in rows) - min(began for began, _, _ in rows)
    images = len(list(Path(folder).iterdir()))
    click.echo(json.dumps({"images": images, "seconds": seconds, "cpu_seconds": sum(cpu for _, _, cpu in rows)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
