"""How long a person waits while a folder of ten thousand is being worked on.

The backlog is put into the store and the job store directly, as web would, since sending it is not what is measured.
"""

import statistics
import tempfile
from itertools import cycle
from pathlib import Path
from typing import Final

from client import Dentiq
from common.jobs.batches import BatchStore
from common.jobs.record import BatchMembership, NewJob, new_job_id, new_job_ids
from common.jobs.store import JobStore
from common.queues import QueueName
from common.redis_client import connect
from common.storage import Storage, image_key
from tests.bench.idle_latency import bench_image, long_poll, measure
from tests.bench.pictures import photographs
from tests.fixtures.images import encode_image
from tests.fixtures.stack import LocalStack

BACKLOG: Final = 10_000
_PORTION: Final = 64
_DAY_SECONDS: Final = 86_400


def figures(*, jobs: int = 100, backlog: int = BACKLOG) -> dict[str, float]:
    """Measure single jobs, one after the other, from the submission to the result in the client's hands."""
    with tempfile.TemporaryDirectory(prefix="dentiq-bench-") as name:
        stack = LocalStack(Path(name) / "var")
        try:
            stack.start()
            with Dentiq(stack.base_url) as dentiq:
                measure(dentiq, bench_image(), long_poll, jobs=20)
                store = _queue(stack, backlog)
                samples = measure(dentiq, bench_image(), long_poll, jobs=jobs)
                left = store.depth(QueueName.BULK)
        finally:
            stack.clean_up()
    if not left:
        raise RuntimeError("The backlog was gone before the last job was measured: take a larger one.")
    seen = [sample.seen_ms / 1e3 for sample in samples]
    return {
        "interactive p50 with 10,000 queued, s": statistics.median(seen),
        "interactive p99 with 10,000 queued, s": statistics.quantiles(seen, n=100)[98],
    }


def _queue(stack: LocalStack, count: int) -> JobStore:
    client = connect(f"redis://127.0.0.1:{stack.redis_port}/1", timeout_seconds=10, max_connections=2)
    store, batches = JobStore(client), BatchStore(client)
    storage = Storage((stack.data_dir / "storage").as_uri(), fsync=False)
    images = [path.read_bytes() for path in photographs()[:_PORTION]] or [encode_image(width=512, height=341)]
    batch_id = new_job_id()
    batches.create(batch_id, name="backlog", life_seconds=_DAY_SECONDS)
    for first in range(0, count, _PORTION):
        ids = new_job_ids(min(_PORTION, count - first))
        storage.put_many({image_key(job_id): image for job_id, image in zip(ids, cycle(images), strict=False)})
        jobs = [NewJob(job_id, QueueName.BULK, f"{job_id}.jpg") for job_id in ids]
        store.create(jobs, batch=BatchMembership(batch_id, life_seconds=_DAY_SECONDS))
    return store
