"""BentoML with adaptive batching, as its documentation tells: a `batchable` endpoint, two workers."""

from pathlib import Path

import bentoml

from tests.bench.peers.network import classifier


@bentoml.service(workers=2, traffic={"timeout": 60})
class Peer:
    """Serve the network."""

    def __init__(self) -> None:
        self.network = classifier()

    @bentoml.api(batchable=True, max_batch_size=16, max_latency_ms=60_000)
    def predict(self, image: list[Path]) -> list[list[float]]:
        """Classify a batch of uploaded files."""
        return self.network.predict([path.read_bytes() for path in image])
