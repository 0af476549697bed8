"""Plain Celery: one task an image, results in the Redis backend, as Celery's first steps show.

    python -m tests.bench.peers.celery_app FOLDER WARM_UP_FOLDER

sends a folder and waits for all results. The images reach the worker as paths: kinder than base64 in the message.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import click
from celery import Celery, group, signals

from tests.bench.peers.network import Classifier, classifier

_URL = os.environ["BENCH_REDIS_URL"]
app = Celery("peer", broker=_URL, backend=_URL)
_loaded: list[Classifier] = []


@signals.worker_process_init.connect
def load(**_: object) -> None:
    """Load the model in each pool process."""
    _loaded.append(classifier())


@app.task(name="classify")
def classify(path: str) -> list[float]:
    """Classify one image."""
    return _loaded[0].predict([Path(path).read_bytes()])[0]


def _send(folder: str) -> int:
    results = group(classify.s(str(path)) for path in sorted(Path(folder).iterdir())).delay()
    return len(results.get(timeout=600))


def main(folder: str, warm_up: str) -> None:
    """Send a folder and wait for the results of all its images."""
    _send(warm_up)
    click.echo("warm")
    sys.stdin.readline()
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.time()
    images = _send(folder)
    seconds = time.time() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    click.echo(json.dumps({"images": images, "seconds": seconds, "client_cpu_seconds": used}))


if __name__ == "__main__":
    main(*sys.argv[1:])
