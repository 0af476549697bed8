"""What a worker tells of its chunks: each written result once, with the time that it took."""

import os
import socket
import subprocess
import sys

import httpx
import pytest
from prometheus_client import CollectorRegistry

from common.errors import StorageUnavailableError
from common.shared_metrics import FOLDER_VARIABLE
from tests.fixtures.redis import free_port
from worker.chunk import ChunkWork, RetryPolicy
from worker.metrics import MetricsEndpoint, WorkerMetrics


@pytest.fixture
def registry(bench) -> CollectorRegistry:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.model_loaded(version="v1", runtime="onnx", device="cpu", seconds=0.7)
    retries = RetryPolicy(max_attempts=3, backoff_seconds=0)
    bench.work = ChunkWork(bench.store, bench.storage, bench.predictor, retries, metrics=metrics)
    return registry


def test_every_written_result_is_observed_once(bench, registry: CollectorRegistry) -> None:
    bench.submit(bytes([95]), bytes([55]), b"truncated")
    bench.run()
    read = registry.get_sample_value
    assert read("dentiq_chunk_images_sum", {"queue": "bulk"}) == 3
    assert read("dentiq_chunk_images_count", {"queue": "bulk"}) == 1
    # The failed job waited and ended like the others, but there is no network time and no confidence of it.
    assert read("dentiq_queue_wait_seconds_count", {"queue": "bulk"}) == 3
    assert read("dentiq_end_to_end_seconds_count", {"queue": "bulk"}) == 3
    assert read("dentiq_decode_duration_seconds_count") == 2
    assert read("dentiq_inference_duration_seconds_sum", {"runtime": "onnx", "device": "cpu"}) == pytest.approx(0.004)
    assert read("dentiq_confidence_bucket", {"model_version": "v1", "le": "0.6"}) == 1
    assert read("dentiq_confidence_bucket", {"model_version": "v1", "le": "0.95"}) == 2
    assert read("dentiq_model_load_seconds_sum", {"model_version": "v1"}) == 0.7


def test_end_to_end_is_waiting_and_working(bench, registry: CollectorRegistry) -> None:
    (job_id,) = bench.submit(bytes([90]))
    bench.run()
    shown = registry.get_sample_value("dentiq_end_to_end_seconds_sum", {"queue": "bulk"})
    waited = registry.get_sample_value("dentiq_queue_wait_seconds_sum", {"queue": "bulk"})
    job = bench.store.get(job_id)
    assert waited == pytest.approx(job.queue_seconds, abs=1e-5)
    assert waited < shown == pytest.approx(job.total_seconds, abs=0.05)


def test_a_refused_result_is_no_result(bench, registry: CollectorRegistry) -> None:
    taken_over, _ = bench.submit(bytes([90]), bytes([20]))
    claims = bench.store.claim(bench.limits, lease_seconds=60)
    bench.store.erase(taken_over)
    bench.work.run(claims)
    assert registry.get_sample_value("dentiq_results_refused_total") == 1
    assert registry.get_sample_value("dentiq_end_to_end_seconds_count", {"queue": "bulk"}) == 1


def test_a_job_that_is_tried_again_is_observed_when_it_ends(bench, registry, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.submit(bytes([90]))

    def away(_key: str) -> bytes:
        raise StorageUnavailableError("The storage does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(bench.storage, "get", away)
        bench.run()
    assert registry.get_sample_value("dentiq_end_to_end_seconds_count", {"queue": "bulk"}) == 0
    bench.store.repair(max_attempts=3)
    bench.run()
    assert registry.get_sample_value("dentiq_end_to_end_seconds_count", {"queue": "bulk"}) == 1
    assert bench.store.counts()["postponed"] == 1


def test_a_taken_port_does_not_keep_a_worker_from_its_work(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        endpoint = MetricsEndpoint("127.0.0.1", holder.getsockname()[1])
        endpoint.open()
        endpoint.close()


_FORKING_WORKER = """
import os, sys
from worker.metrics import MetricsEndpoint
endpoint = MetricsEndpoint("127.0.0.1", int(sys.argv[1]))
endpoint.prepare()
endpoint.open()
if not os.fork():
    endpoint.forget_in_child()
    print("forked", flush=True)
    sys.stdin.read()
    os._exit(0)
sys.stdin.read()
"""


def test_a_pool_process_that_outlives_its_parent_holds_no_port(tmp_path) -> None:
    port = free_port()
    worker = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _FORKING_WORKER, str(port)],
        env=os.environ | {FOLDER_VARIABLE: str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"forked\n"
    assert 'dentiq_processes{part="worker"} 2.0' in httpx.get(f"http://127.0.0.1:{port}/metrics").text
    worker.kill()
    worker.wait()
    with socket.socket() as successor:
        successor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        successor.bind(("127.0.0.1", port))
    worker.communicate()
