"""Whether this worker can work, for a container's health check: a pool process holds a model.

    python -m worker.health http://127.0.0.1:9809/metrics

Only the standard library is imported: it runs every few seconds.
"""

import sys
from http.client import HTTPException
from urllib.request import urlopen

_TIMEOUT_SECONDS = 4

# In the table as common.metrics.MODELS_HELD, whose import would cost more than the question.
METRIC = "dentiq_worker_models"


def models_held(metrics: str) -> float:
    """Read from a worker's metrics page how many of its processes hold a model."""
    lines = (line.split() for line in metrics.splitlines())
    return sum(float(words[1]) for words in lines if len(words) > 1 and words[0] == METRIC)


def main(address: str) -> int:
    """Ask; return the exit status, and say what is wrong."""
    try:
        with urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310  a fixed address of this container
            held = models_held(answer.read().decode())
    except (OSError, HTTPException, ValueError) as error:
        sys.stderr.write(f"The worker's metrics cannot be read: {error}\n")
        return 1
    if not held:
        sys.stderr.write("No process of this worker holds a model; its log says why.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
