"""A container's health check of a worker: well with a model in a process, and at no other time."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from common import metrics as table
from tests.fixtures.redis import free_port
from worker.health import METRIC, main
from worker.metrics import WorkerMetrics


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], str]]:
    servers: list[HTTPServer] = []

    def start(page: bytes) -> str:
        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(page)

        servers.append(HTTPServer(("127.0.0.1", 0), Page))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/metrics"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_it_is_well_once_a_model_was_loaded_and_not_before(serve: Callable[[bytes], str]) -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    assert main(serve(generate_latest(registry))) == 1
    metrics.model_loaded(version="v1", runtime="onnx", device="cpu", seconds=0.7)
    assert main(serve(generate_latest(registry))) == 0


def test_a_worker_that_shows_nothing_is_not_well(
    serve: Callable[[bytes], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(serve(b"")) == 1
    assert "holds a model" in capsys.readouterr().err
    assert main(f"http://127.0.0.1:{free_port()}/metrics") == 1


def test_it_asks_for_the_metric_of_the_table() -> None:
    assert table.MODELS_HELD.name == METRIC
