"""A webhook outlives whoever was to send it: real worker, real beat, real receiver."""

import os
import signal
from collections.abc import Iterator

import pytest

from common.jobs.deliveries import DeliveryState, DeliveryStore
from common.jobs.record import JobStatus, NewJob, new_job_id
from common.messages import WorkHint
from common.queues import QueueName
from common.settings import Settings
from common.storage import image_key
from tests.integration.conftest import FaultBench
from tests.waiting import wait_until
from tests.webhook_receiver import Receiver, receiving
from worker.celery_app import create_app


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def submit(bench: FaultBench, url: str) -> str:
    """Submit a job and wake the worker, as web does."""
    job = NewJob(new_job_id(), QueueName.INTERACTIVE, "tooth.jpg")
    bench.storage.put(image_key(job.id), bytes([80]))
    bench.store.create([job], webhook_url=url)
    with create_app(Settings(redis_url=bench.redis_server.url)) as app:
        app.send_task(**WorkHint(QueueName.INTERACTIVE).to_call())
    return job.id


def test_a_webhook_is_sent_although_its_sender_and_its_worker_were_killed(
    bench: FaultBench, receiver: Receiver
) -> None:
    deliveries = DeliveryStore(bench.client)
    bench.beat.kill()
    bench.beat.wait()
    job_id = submit(bench, receiver.url)
    wait_until(lambda: bench.store.get(job_id).status is JobStatus.SUCCEEDED, 20, what="the result")
    os.killpg(bench.worker.pid, signal.SIGKILL)
    bench.redis_server.kill()
    bench.redis_server.start()
    (noted,) = deliveries.of_job(job_id)
    assert (noted.state, noted.attempts, receiver.received) == (DeliveryState.PENDING, (), [])
    bench.start_beat()
    wait_until(lambda: deliveries.of_job(job_id)[0].state is DeliveryState.DELIVERED, 30, what="the delivery")
    assert len(receiver.received) == 1
