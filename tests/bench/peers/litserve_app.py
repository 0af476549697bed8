"""LitServe with batching, as its documentation tells: `decode_request`, `batch`, `predict`, `unbatch`, two workers."""

import sys

import litserve
from fastapi import Request

from tests.bench.peers.network import classifier


class PeerAPI(litserve.LitAPI):
    """Serve the network."""

    def setup(self, device: str) -> None:
        """Load the model in each worker."""
        del device
        self.network = classifier()

    def decode_request(self, request: Request) -> bytes:
        """Take the image out of the form, which LitServe passes for a request of this type."""
        image: bytes = request["image"].file.read()
        return image

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """Keep the images of a batch in a list."""
        return inputs

    def predict(self, images: list[bytes]) -> list[list[float]]:
        """Classify a batch."""
        return self.network.predict(images)

    def unbatch(self, output: list[list[float]]) -> list[list[float]]:
        """Give each request its row."""
        return output

    def encode_response(self, output: list[float]) -> dict[str, list[float]]:
        """Answer a request."""
        return {"probabilities": output}


if __name__ == "__main__":
    api = PeerAPI(max_batch_size=16, batch_timeout=0.01)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2)
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, log_level="warning")
